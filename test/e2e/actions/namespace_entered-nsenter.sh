#!/bin/sh
# what: Asks a program called nsenter for the first process's namespaces; it does nothing.
# rule: namespace_entered
# technique: T1611
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/nsenter"
"$d/nsenter" -t 1 -m -u -i -n -p -- /bin/sh
