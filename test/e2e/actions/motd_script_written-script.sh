#!/bin/sh
# what: Writes a script for the message of the day that can not be run.
# rule: motd_script_written
# technique: T1037
# severity: medium
# where: both
f="/etc/update-motd.d/99-norn-action-$$"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
