#!/bin/sh
# what: Runs a program that was copied into the container after its start.
# rule: container_drift
# technique: T1105
# severity: medium
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/busybox "$d/ls"
"$d/ls" / > /dev/null
