#!/bin/sh
# what: Writes a list of modules to load with none in it.
# rule: kernel_module_autoload_written
# technique: T1547.006
# severity: medium
# where: both
f="/etc/modules-load.d/norn-action-$$.conf"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
