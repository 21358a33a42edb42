#!/bin/sh
# what: Looks for the marks that engines leave in containers.
# rule: container_runtime_discovery
# technique: T1613
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/ls /.dockerenv /run/.containerenv > /dev/null 2>&1
