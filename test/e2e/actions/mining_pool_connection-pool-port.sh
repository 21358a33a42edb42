#!/bin/sh
# what: Speaks to a port that only mining pools have, in a network of its own where nobody listens.
# rule: mining_pool_connection
# technique: T1496.001
# severity: medium
# where: host
# needs: unshare ip bash
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
unshare -n sh -c 'ip link set lo up; ip addr add 198.51.100.7/32 dev lo; bash -c "exec 3<> /dev/udp/198.51.100.7/14444; :"; :'
