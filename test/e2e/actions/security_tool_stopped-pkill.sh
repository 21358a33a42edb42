#!/bin/sh
# what: Asks a program called pkill to end a virus scanner; it does nothing.
# rule: security_tool_stopped
# technique: T1562.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/pkill"
"$d/pkill" -9 clamd
