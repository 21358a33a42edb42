#!/bin/sh
# what: Starts a program with the name of a tunnel; it does nothing.
# rule: tunnel_tool_started
# technique: T1572
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/chisel"
"$d/chisel" client 127.0.0.1:9 R:1080:socks
