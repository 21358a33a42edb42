#!/bin/sh
# what: Copies a private key that is none.
# rule: ssh_private_key_read
# technique: T1552.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/.ssh"
echo none > "$d/.ssh/id_ed25519"
/bin/cp "$d/.ssh/id_ed25519" "$d/taken"
