#!/bin/sh
# what: Asks a program called ssh to be a proxy; it does nothing.
# rule: ssh_tunnel_opened
# technique: T1572
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/ssh"
"$d/ssh" -f -N -D 1080 norn@127.0.0.1
