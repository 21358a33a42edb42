#!/bin/sh
# what: Gives a program of its own an old date, by a name that says nothing of where it lies.
# rule: times_set_back
# technique: T1070.006
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/tool"
cd "$d" || exit
/bin/touch -d "2010-01-01 00:00:00" tool
