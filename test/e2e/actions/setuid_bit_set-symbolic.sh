#!/bin/sh
# what: Gives a file of its own the right to run as its owner.
# rule: setuid_bit_set
# technique: T1548.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/tool"
/bin/chmod u+s "$d/tool"
