#!/bin/sh
# what: Truncates a journal file of its own among those of the system.
# rule: log_emptied
# technique: T1070.002
# severity: high
# where: both
d=/run/log/journal/norn-action-$$
trap 'rm -rf "$d"; rmdir -p /run/log/journal 2> /dev/null' EXIT
mkdir -p "$d"
echo entry >> "$d/system.journal"
truncate -s 0 "$d/system.journal"
