#!/bin/sh
# what: Starts a setuid copy of a program that does nothing, as nobody, outside of any login.
# rule: capability_gained_outside_login
# technique: T1548.001
# severity: medium
# where: host
# needs: setpriv setsid
d=$(mktemp -d /var/tmp/norn-XXXXXX)
trap 'rm -rf "$d"' EXIT
chmod 755 "$d"
cp /bin/true "$d/tool"
chmod 4755 "$d/tool"
nobody='exec setpriv --reuid 65534 --clear-groups /bin/sh -c "$0; :"'
setsid -w /bin/sh -c "echo 4294967295 > /proc/self/loginuid; $nobody" "$d/tool"
