#!/bin/sh
# what: Has a program among temporary files speak to a port of mining pools, in a network of its own.
# rule: mining_pool_connection
# technique: T1496.001
# severity: medium
# where: host
# needs: unshare ip bash
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp "$(command -v bash)" "$d/agent"
cd "$d" || exit
unshare -n sh -c 'ip link set lo up; ip addr add 198.51.100.7/32 dev lo; ./agent -c "exec 3<> /dev/udp/198.51.100.7/3333; :"; :'
