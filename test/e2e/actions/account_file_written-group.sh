#!/bin/sh
# what: Opens the list of groups for appending and appends nothing.
# rule: account_file_written
# technique: T1098
# severity: high
# where: both
f=/etc/group
[ -e "$f" ] || trap 'rm -f "$f"' EXIT
: >> "$f"
