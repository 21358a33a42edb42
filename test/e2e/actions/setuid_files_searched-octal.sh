#!/bin/sh
# what: Searches a directory of its own for programs that run as their owner.
# rule: setuid_files_searched
# technique: T1548.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/find "$d" -perm -4000 -type f
