#!/bin/sh
# what: Reads the AWS credentials of nobody.
# rule: cloud_credentials_read
# technique: T1552.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/.aws"
echo "[default]" > "$d/.aws/credentials"
/bin/cat "$d/.aws/credentials" > /dev/null
