#!/bin/sh
# what: Gives a file of its own a capability by a script.
# rule: file_capability_given
# technique: T1548
# severity: high
# where: host
# needs: python3
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/tool"
cd "$d" || exit
python3 -c 'import os; os.setxattr("tool", "security.capability", bytes([1,0,0,2,128]+[0]*15))'
