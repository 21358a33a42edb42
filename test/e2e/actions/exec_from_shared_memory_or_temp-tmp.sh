#!/bin/sh
# what: Runs a program that was just written to the directory for temporary files.
# rule: exec_from_shared_memory_or_temp
# technique: T1204.002
# severity: medium
# where: both
d=/tmp/norn-action-$$
trap 'rm -rf "$d"' EXIT
mkdir "$d"
cp /bin/true "$d/agent"
"$d/agent" -d
