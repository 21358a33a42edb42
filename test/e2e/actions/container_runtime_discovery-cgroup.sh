#!/bin/sh
# what: Asks the kernel whether it is in a container.
# rule: container_runtime_discovery
# technique: T1613
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/cat /proc/1/cgroup > /dev/null
