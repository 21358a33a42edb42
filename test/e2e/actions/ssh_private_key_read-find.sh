#!/bin/sh
# what: Searches a directory of its own for private keys.
# rule: ssh_private_key_read
# technique: T1552.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/find "$d" -name id_rsa
