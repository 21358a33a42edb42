#!/bin/sh
# what: Starts a setuid copy of a program that does nothing, as nobody, from a temporary directory.
# rule: capability_gained_from_odd_place
# technique: T1548.001
# severity: high
# where: host
# needs: setpriv
d=$(mktemp -d /var/tmp/norn-XXXXXX)
trap 'rm -rf "$d"' EXIT
chmod 755 "$d"
cp /bin/true "$d/tool"
chmod 4755 "$d/tool"
setpriv --reuid 65534 --clear-groups /bin/sh -c "$d/tool; :"
