#!/bin/sh
# what: Asks a program called curl for the cloud's metadata; it does nothing.
# rule: metadata_service_access
# technique: T1552.005
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/curl"
"$d/curl" -s http://169.254.169.254/latest/meta-data/iam/security-credentials/
