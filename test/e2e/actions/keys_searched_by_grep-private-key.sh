#!/bin/sh
# what: Searches the files of a directory of its own for private keys.
# rule: keys_searched_by_grep
# technique: T1552.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
echo nothing > "$d/notes"
/bin/find "$d" -type f | /bin/xargs grep -l "PRIVATE KEY"
