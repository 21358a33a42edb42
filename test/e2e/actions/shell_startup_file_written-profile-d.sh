#!/bin/sh
# what: Writes a comment where every login shell looks.
# rule: shell_startup_file_written
# technique: T1546.004
# severity: medium
# where: both
f="/etc/profile.d/norn-action-$$.sh"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
