#!/bin/sh
# what: Starts a program with the name of a tunnel through DNS; it does nothing.
# rule: dns_tunnel_tool
# technique: T1071.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/iodine"
"$d/iodine" -f -P x t.example
