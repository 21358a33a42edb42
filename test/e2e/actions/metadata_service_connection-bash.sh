#!/bin/sh
# what: Has a shell speak to the address of the cloud's metadata, in a network of its own where nobody listens.
# rule: metadata_service_connection
# technique: T1552.005
# severity: medium
# where: host
# needs: unshare ip bash
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
unshare -n sh -c 'ip link set lo up; ip addr add 169.254.169.254/32 dev lo; bash -c "exec 3<> /dev/udp/169.254.169.254/80; :"; :'
