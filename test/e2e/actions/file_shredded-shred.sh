#!/bin/sh
# what: Overwrites and deletes a file of its own.
# rule: file_shredded
# technique: T1070.004
# severity: medium
# where: both
# needs: shred
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
echo secret > "$d/notes"
/bin/shred -u "$d/notes"
