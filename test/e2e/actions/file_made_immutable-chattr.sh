#!/bin/sh
# what: Asks a program called chattr to lock a file of its own; it does nothing.
# rule: file_made_immutable
# technique: T1222.002
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/chattr"
"$d/chattr" +i "$d/chattr"
