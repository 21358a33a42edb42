#!/bin/sh
# what: Writes a timer that starts nothing, and never tells systemd.
# rule: systemd_unit_written
# technique: T1053.006
# severity: medium
# where: both
f="/etc/systemd/system/norn-action-$$.timer"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
