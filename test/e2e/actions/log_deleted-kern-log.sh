#!/bin/sh
# what: Deletes a log of the kernel that it has made itself.
# rule: log_deleted
# technique: T1070.002
# severity: medium
# where: container
f=/var/log/kern.log
mkdir -p /var/log
[ -e "$f" ] && exit 1
echo started > "$f"
rm "$f"
