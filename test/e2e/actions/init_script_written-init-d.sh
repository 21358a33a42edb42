#!/bin/sh
# what: Writes a start script that can not be run.
# rule: init_script_written
# technique: T1037.004
# severity: medium
# where: both
f="/etc/init.d/norn-action-$$"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
