#!/bin/sh
# what: Writes an entry for the start of the desktop that is hidden.
# rule: autostart_entry_written
# technique: T1547.013
# severity: medium
# where: both
f="/etc/xdg/autostart/norn-action-$$.desktop"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "Hidden=true" > "$f"
