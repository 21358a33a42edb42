#!/bin/sh
# what: Reads the password hashes and throws them away.
# rule: credential_file_read
# technique: T1003.008
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/cat /etc/shadow > /dev/null
