#!/bin/sh
# what: Writes a device rule that has no rule in it.
# rule: udev_rule_written
# technique: T1546.017
# severity: medium
# where: both
f="/etc/udev/rules.d/99-norn-action-$$.rules"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
