#!/bin/sh
# what: Mounts a /proc of its own again, with nothing changed.
# rule: protection_remounted_inside
# technique: T1611
# severity: high
# where: container
again='mount -t proc proc /proc; mount -o remount /proc; umount /proc'
private='mount --make-rprivate / 2> /dev/null'
unshare -m /bin/sh -c "$private; $again"
