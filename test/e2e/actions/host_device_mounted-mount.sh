#!/bin/sh
# what: Asks a program called mount for a disk that is not there; it does nothing.
# rule: host_device_mounted
# technique: T1611
# severity: high
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/mount"
"$d/mount" /dev/sdz1 "$d"
