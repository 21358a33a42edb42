#!/bin/sh
# what: Reads a private key that is none and is not called as keys are.
# rule: ssh_private_key_opened
# technique: T1552.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir -p "$d/.ssh"
echo none > "$d/.ssh/work.pem"
cd "$d/.ssh" || exit
/bin/cat work.pem > /dev/null
