#!/bin/sh
# what: Empties a log of logins that it has made itself.
# rule: log_emptied
# technique: T1070.002
# severity: high
# where: container
f=/var/log/secure
trap 'rm -f "$f"' EXIT
mkdir -p /var/log
[ -e "$f" ] && exit 1
echo login >> "$f"
: > "$f"
