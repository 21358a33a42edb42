#!/bin/sh
# what: Asks a program called dd to overwrite a disk that is not there; it does nothing.
# rule: disk_overwritten
# technique: T1561.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/dd"
"$d/dd" if=/dev/zero of=/dev/sdz bs=1M
