#!/bin/sh
# what: Runs a program from shared memory.
# rule: exec_from_shared_memory_or_temp
# technique: T1036
# severity: medium
# where: host
f=/dev/shm/norn-action-$$
trap 'rm -f "$f"' EXIT
cp /bin/true "$f"
"$f"
