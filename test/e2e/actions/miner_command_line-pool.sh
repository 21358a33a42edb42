#!/bin/sh
# what: Starts a program with the address of a mining pool; it does nothing.
# rule: miner_command_line
# technique: T1496.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/kdevd"
"$d/kdevd" -o stratum+tcp://127.0.0.1:3333 -u norn -p x
