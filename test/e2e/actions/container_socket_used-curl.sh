#!/bin/sh
# what: Asks a program called curl for the engine's socket; it does nothing.
# rule: container_socket_used
# technique: T1611
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/curl"
"$d/curl" -s --unix-socket /var/run/docker.sock http://localhost/containers/json
