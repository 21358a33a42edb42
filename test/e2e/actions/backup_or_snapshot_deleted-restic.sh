#!/bin/sh
# what: Asks a program called restic to forget all backups; it does nothing.
# rule: backup_or_snapshot_deleted
# technique: T1490
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/restic"
"$d/restic" forget --prune --keep-last 0
