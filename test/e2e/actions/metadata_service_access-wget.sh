#!/bin/sh
# what: Asks a program called wget for the cloud's metadata; it does nothing.
# rule: metadata_service_access
# technique: T1552.005
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/wget"
"$d/wget" -qO- http://169.254.169.254/computeMetadata/v1/instance/
