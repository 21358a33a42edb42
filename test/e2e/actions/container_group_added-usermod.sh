#!/bin/sh
# what: Asks a program called usermod to add somebody to the group docker; it does nothing.
# rule: container_group_added
# technique: T1098.007
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/usermod"
"$d/usermod" -aG docker norn-action
