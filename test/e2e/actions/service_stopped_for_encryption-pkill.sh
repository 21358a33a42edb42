#!/bin/sh
# what: Asks a program called pkill to end a database; it does nothing.
# rule: service_stopped_for_encryption
# technique: T1489
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/pkill"
"$d/pkill" -9 mysqld
