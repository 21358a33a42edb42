#!/bin/sh
# what: Asks a program called systemctl to stop a database; it does nothing.
# rule: service_stopped_for_encryption
# technique: T1489
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/systemctl"
"$d/systemctl" stop mysql postgresql redis
