#!/bin/sh
# what: Makes a user namespace for a program that does nothing.
# rule: user_namespace_made_inside
# technique: T1611
# severity: medium
# where: container
most=$(cat /proc/sys/user/max_user_namespaces)
[ "$most" -gt 0 ] || exit 1
unshare -U /bin/true
