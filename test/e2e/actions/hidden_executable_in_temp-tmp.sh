#!/bin/sh
# what: Runs a hidden program from the directory for temporary files.
# rule: hidden_executable_in_temp
# technique: T1564.001
# severity: high
# where: both
f=/tmp/.norn-action-$$
trap 'rm -f "$f"' EXIT
cp /bin/true "$f"
"$f" -d
