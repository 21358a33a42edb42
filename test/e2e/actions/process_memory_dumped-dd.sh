#!/bin/sh
# what: Reads nothing of its own shell's memory with dd.
# rule: process_memory_dumped
# technique: T1003.007
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/dd if=/proc/$$/mem of=/dev/null bs=1 count=0 2> /dev/null
