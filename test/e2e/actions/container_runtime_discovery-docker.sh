#!/bin/sh
# what: Asks a program called docker which containers there are; it does nothing.
# rule: container_runtime_discovery
# technique: T1613
# severity: low
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/docker"
"$d/docker" ps -a
