#!/bin/sh
# what: Writes a configuration of apt with nothing but a remark.
# rule: package_manager_hook_written
# technique: T1546.016
# severity: medium
# where: both
f="/etc/apt/apt.conf.d/99norn-action-$$"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "// nothing" > "$f"
