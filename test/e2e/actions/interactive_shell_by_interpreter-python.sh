#!/bin/sh
# what: Asks a program called python3 for a shell with a terminal; it does nothing.
# rule: interactive_shell_by_interpreter
# technique: T1059.006
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/python3"
"$d/python3" -c 'import pty; pty.spawn("/bin/sh")'
