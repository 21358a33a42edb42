#!/bin/sh
# what: Gives a program of its own an old date.
# rule: timestomp
# technique: T1070.006
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/tool"
/bin/touch -d "2010-01-01 00:00:00" "$d/tool"
