#!/bin/sh
# what: Writes a file among the jobs of at whose name is none of a job.
# rule: at_job_created
# technique: T1053.002
# severity: medium
# where: both
f="/var/spool/cron/atjobs/norn-action-$$"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
