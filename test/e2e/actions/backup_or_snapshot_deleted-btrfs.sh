#!/bin/sh
# what: Asks a program called btrfs to delete a snapshot; it does nothing.
# rule: backup_or_snapshot_deleted
# technique: T1490
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/btrfs"
"$d/btrfs" subvolume delete /.snapshots/1/snapshot
