#!/bin/sh
# what: Runs a program whose file is gone already.
# rule: fileless_execution
# technique: T1070.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/agent"
exec 3< "$d/agent"
rm "$d/agent"
/proc/self/fd/3
