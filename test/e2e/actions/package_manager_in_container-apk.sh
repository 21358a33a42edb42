#!/bin/sh
# what: Asks a program called apk for a package; it does nothing.
# rule: package_manager_in_container
# technique: T1105
# severity: low
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/apk"
"$d/apk" add curl
