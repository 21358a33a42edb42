#!/bin/sh
# what: Writes a table of jobs for an account that does not exist.
# rule: cron_persistence
# technique: T1053.003
# severity: medium
# where: both
f="/var/spool/cron/crontabs/norn-action-$$"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
