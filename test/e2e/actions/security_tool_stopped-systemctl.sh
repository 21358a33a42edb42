#!/bin/sh
# what: Asks a program called systemctl to stop the audit service; it does nothing.
# rule: security_tool_stopped
# technique: T1562.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/systemctl"
"$d/systemctl" stop auditd
