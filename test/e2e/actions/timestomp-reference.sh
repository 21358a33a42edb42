#!/bin/sh
# what: Gives a program of its own the times of another.
# rule: timestomp
# technique: T1070.006
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/tool"
/bin/touch -r /bin/sh "$d/tool"
