#!/bin/sh
# what: Asks a program called cp to copy the password hashes; it does nothing.
# rule: credential_file_read
# technique: T1003.008
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/cp"
"$d/cp" /etc/shadow "$d/taken"
