#!/bin/sh
# what: Lets a file of its own only grow, and takes that back.
# rule: file_locked_by_attribute
# technique: T1222.002
# severity: medium
# where: host
# needs: chattr
d=$(mktemp -d)
trap 'chattr -a "$d/tool"; rm -rf "$d"' EXIT
cp /bin/true "$d/tool"
cd "$d" || exit
chattr +a tool
