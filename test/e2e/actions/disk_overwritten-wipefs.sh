#!/bin/sh
# what: Asks a program called wipefs to wipe a disk that is not there; it does nothing.
# rule: disk_overwritten
# technique: T1561.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/wipefs"
"$d/wipefs" -a /dev/sdz
