#!/bin/sh
# what: Writes options for modules with none in it.
# rule: kernel_module_autoload_written
# technique: T1547.006
# severity: medium
# where: both
f="/etc/modprobe.d/norn-action-$$.conf"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
