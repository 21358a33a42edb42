#!/bin/sh
# what: Opens a shell in the container, which has nothing to read.
# rule: shell_in_container
# technique: T1609
# severity: low
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
sh -i < /dev/null
