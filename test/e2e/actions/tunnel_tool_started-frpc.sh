#!/bin/sh
# what: Starts a program with the name of another tunnel; it does nothing.
# rule: tunnel_tool_started
# technique: T1572
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/frpc"
"$d/frpc" -c "$d/frpc.ini"
