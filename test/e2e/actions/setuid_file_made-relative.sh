#!/bin/sh
# what: Gives a file of its own the right to run as its owner, by a name that says nothing of where it lies.
# rule: setuid_file_made
# technique: T1548.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/tool"
cd "$d" || exit
/bin/chmod 4755 tool
