#!/bin/sh
# what: Asks a program called auditctl to stop recording; it does nothing.
# rule: audit_rules_flushed
# technique: T1562.012
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/auditctl"
"$d/auditctl" -e 0
