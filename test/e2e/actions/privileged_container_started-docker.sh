#!/bin/sh
# what: Asks a program called docker for a container with every right; it does nothing.
# rule: privileged_container_started
# technique: T1611
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/docker"
"$d/docker" run --rm --privileged alpine true
