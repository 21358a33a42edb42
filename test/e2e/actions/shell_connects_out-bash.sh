#!/bin/sh
# what: Has a shell itself speak to an address, in a network of its own where nobody listens.
# rule: shell_connects_out
# technique: T1059.004
# severity: medium
# where: host
# needs: unshare ip bash
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
unshare -n sh -c 'ip link set lo up; ip addr add 203.0.113.9/32 dev lo; bash -c "exec 3<> /dev/udp/203.0.113.9/8443; :"; :'
