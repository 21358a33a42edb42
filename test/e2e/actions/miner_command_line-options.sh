#!/bin/sh
# what: Starts a program with the options of a known miner; it does nothing.
# rule: miner_command_line
# technique: T1496.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/worker"
"$d/worker" --donate-level 1 -o 127.0.0.1:3333 --tls
