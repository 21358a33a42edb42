#!/bin/sh
# what: Asks a program called docker for a container with the host's configuration in it; it does nothing.
# rule: sensitive_host_path_mounted
# technique: T1611
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/docker"
"$d/docker" run --rm -v /etc:/host-etc alpine true
