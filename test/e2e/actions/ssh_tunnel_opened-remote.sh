#!/bin/sh
# what: Asks a program called ssh to open a way back in; it does nothing.
# rule: ssh_tunnel_opened
# technique: T1572
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/ssh"
"$d/ssh" -f -N -R 2222:127.0.0.1:22 norn@127.0.0.1
