#!/bin/sh
# what: Reads hashes that are none in a directory like a mounted root, through a link.
# rule: password_hashes_opened
# technique: T1003.008
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/etc"
echo none > "$d/etc/shadow"
ln -s etc/shadow "$d/notes"
/bin/cat "$d/notes" > /dev/null
