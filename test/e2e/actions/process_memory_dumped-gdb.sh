#!/bin/sh
# what: Asks a program called gdb to dump its own shell's memory; it does nothing.
# rule: process_memory_dumped
# technique: T1003.007
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/gdb"
"$d/gdb" -p $$ -batch -ex generate-core-file
