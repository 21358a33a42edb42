#!/bin/sh
# what: Enters the mounts that it has anyway.
# rule: namespace_joined_inside
# technique: T1611
# severity: high
# where: container
own=/proc/self/ns/mnt
[ -e "$own" ] || exit 1
nsenter -t $$ -m /bin/true
