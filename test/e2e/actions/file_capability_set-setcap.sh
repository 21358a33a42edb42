#!/bin/sh
# what: Asks a program called setcap to give a file a capability; it does nothing.
# rule: file_capability_set
# technique: T1548
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/setcap"
"$d/setcap" cap_setuid+ep "$d/setcap"
