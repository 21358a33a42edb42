#!/bin/sh
# what: Mounts a file system in memory that has the name of a disk.
# rule: host_device_mounted_inside
# technique: T1611
# severity: high
# where: container
d=$(mktemp -d)
trap 'umount "$d"; rm -rf "$d"' EXIT
mount -t tmpfs /dev/sdz1 "$d"
