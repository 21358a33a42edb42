#!/bin/sh
# what: Writes a script elsewhere and moves it among the hourly jobs, where it may not run.
# rule: cron_persistence
# technique: T1053.003
# severity: medium
# where: both
f=/etc/cron.hourly/norn-action-$$
made=; [ -d /etc/cron.hourly ] || { made=/etc/cron.hourly; mkdir "$made"; }
trap 'rm -f "$f" "/etc/.norn-action-$$"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# nothing" > "/etc/.norn-action-$$"
mv "/etc/.norn-action-$$" "$f"
