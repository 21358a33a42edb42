#!/bin/sh
# what: Opens the list of accounts for appending and appends nothing.
# rule: account_file_written
# technique: T1136.001
# severity: high
# where: both
f=/etc/passwd
[ -e "$f" ] || trap 'rm -f "$f"' EXIT
: >> "$f"
