#!/bin/sh
# what: Appends a line to the login keys of an account that does not exist.
# rule: ssh_authorized_keys
# technique: T1098.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/.ssh"
echo "# no key" >> "$d/.ssh/authorized_keys"
