#!/bin/sh
# what: Asks a program called docker for a container with the host's root in it; it does nothing.
# rule: docker_run_root_mount
# technique: T1611
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/docker"
"$d/docker" run --rm -v /:/host alpine chroot /host sh
