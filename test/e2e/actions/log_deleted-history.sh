#!/bin/sh
# what: Deletes the history of a shell that nobody used.
# rule: log_deleted
# technique: T1070.003
# severity: medium
# where: both
d=/root/norn-action-$$
trap 'rm -rf "$d"' EXIT
mkdir -p "$d"
echo ls > "$d/.bash_history"
rm "$d/.bash_history"
