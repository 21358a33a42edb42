#!/bin/sh
# what: Appends a comment to the start file of a shell that nobody uses.
# rule: shell_startup_file_written
# technique: T1546.004
# severity: medium
# where: both
d=/root/norn-action-$$
trap 'rm -rf "$d"' EXIT
mkdir -p "$d"
echo "# nothing" >> "$d/.bashrc"
