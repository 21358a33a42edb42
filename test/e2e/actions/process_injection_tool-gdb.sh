#!/bin/sh
# what: Asks a program called gdb to call a function in its own shell; it does nothing.
# rule: process_injection_tool
# technique: T1055.008
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/gdb"
"$d/gdb" -p $$ -batch -ex 'call (int)system("true")'
