#!/bin/sh
# what: Reads the registry logins of nobody.
# rule: cloud_credentials_read
# technique: T1552.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/.docker"
echo "{}" > "$d/.docker/config.json"
/bin/head -n 1 "$d/.docker/config.json"
