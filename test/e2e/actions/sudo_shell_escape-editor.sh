#!/bin/sh
# what: Asks a program called sudo for an editor that opens a shell; it does nothing.
# rule: sudo_shell_escape
# technique: T1548.003
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/sudo"
"$d/sudo" vim -c ':!/bin/sh'
