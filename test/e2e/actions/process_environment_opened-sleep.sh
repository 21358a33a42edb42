#!/bin/sh
# what: Reads the environment of a process of its own.
# rule: process_environment_opened
# technique: T1552.001
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
sleep 30 &
p=$!
cd "/proc/$p" || exit
/bin/cat environ > /dev/null
kill "$p"
