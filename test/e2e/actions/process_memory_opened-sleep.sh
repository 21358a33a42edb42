#!/bin/sh
# what: Opens the memory of a process of its own and reads nothing.
# rule: process_memory_opened
# technique: T1003.007
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
sleep 30 &
p=$!
cd "/proc/$p" || exit
/bin/dd if=mem of=/dev/null count=0
kill "$p"
