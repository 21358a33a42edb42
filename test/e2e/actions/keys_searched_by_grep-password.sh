#!/bin/sh
# what: Searches a directory of its own for passwords.
# rule: keys_searched_by_grep
# technique: T1552.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/.config"
echo nothing > "$d/.config/notes"
/bin/grep -rni password "$d/.config"
