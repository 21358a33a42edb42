#!/bin/sh
# what: Asks a program called modprobe for a module that is not there; it does nothing.
# rule: kernel_module_loaded
# technique: T1547.006
# severity: high
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/modprobe"
"$d/modprobe" norn_action_none
