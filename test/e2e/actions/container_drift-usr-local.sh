#!/bin/sh
# what: Puts a program among the container's own and runs it.
# rule: container_drift
# technique: T1610
# severity: medium
# where: container
f=/usr/local/bin/norn-action-$$
trap 'rm -f "$f"' EXIT
mkdir -p /usr/local/bin
cp /bin/true "$f"
"$f" --once
