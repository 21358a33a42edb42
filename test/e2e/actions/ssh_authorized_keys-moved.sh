#!/bin/sh
# what: Moves a file over the login keys of an account that does not exist.
# rule: ssh_authorized_keys
# technique: T1098.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/.ssh"
echo "# no key" > "$d/.ssh/new"
mv "$d/.ssh/new" "$d/.ssh/authorized_keys"
