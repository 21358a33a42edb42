#!/bin/sh
# what: Reads a login of a cloud that is none, from its own directory.
# rule: cloud_credentials_opened
# technique: T1552.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir -p "$d/.aws"
echo none > "$d/.aws/credentials"
cd "$d/.aws" || exit
/bin/cat credentials > /dev/null
