#!/bin/sh
# what: Asks a program called setenforce to let everything pass; it does nothing.
# rule: mandatory_access_control_disabled
# technique: T1562.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/setenforce"
"$d/setenforce" 0
