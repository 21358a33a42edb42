#!/bin/sh
# what: Reads nothing of the group passwords with head.
# rule: credential_file_read
# technique: T1003.008
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/head -c 0 /etc/gshadow
