#!/bin/sh
# what: Starts a program with the name of a known miner; it does nothing.
# rule: miner_command_line
# technique: T1496.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/xmrig"
"$d/xmrig" --version-of-nothing
