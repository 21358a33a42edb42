#!/bin/sh
# what: Writes a file of sudo rules with a name that sudo passes over.
# rule: sudoers_changed
# technique: T1548.003
# severity: medium
# where: both
f="/etc/sudoers.d/norn-action-$$.off"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
