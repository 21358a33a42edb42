#!/bin/sh
# what: Asks a program called gcore for the memory of its own shell; it does nothing.
# rule: process_memory_dumped
# technique: T1003.007
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/gcore"
"$d/gcore" -o "$d/core" $$
