#!/bin/sh
# what: Pipes a password into a program called chpasswd; it does nothing.
# rule: password_set_by_pipe
# technique: T1098
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/chpasswd"
PATH="$d:$PATH" sh -c 'echo norn-action:none | chpasswd'
