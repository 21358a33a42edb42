#!/bin/sh
# what: Asks a program called debugfs to read a disk that is not there; it does nothing.
# rule: host_device_mounted
# technique: T1611
# severity: high
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/debugfs"
"$d/debugfs" -R ls /dev/sdz1
