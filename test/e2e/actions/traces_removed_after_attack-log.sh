#!/bin/sh
# what: Starts something from a temporary folder, then empties a rotated log of its own in the place of a log of logins.
# rule: traces_removed_after_attack
# technique: T1070.002
# severity: critical
# where: both
d=$(mktemp -d)
log=/var/log/auth.log.norn-action-$$
[ -d /var/log ] || { mkdir -p /var/log && made=/var/log; }
trap 'rm -rf "$d"; rm -f "$log"; [ -z "$made" ] || rmdir "$made"' EXIT
cp /bin/true "$d/tool"
"$d/tool"
: > "$log"
