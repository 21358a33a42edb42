#!/bin/sh
# what: Copies a key table that is none.
# rule: directory_secrets_opened
# technique: T1558
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
echo none > "$d/krb5.keytab"
cd "$d" || exit
/bin/cp krb5.keytab copy
