#!/bin/sh
# what: Asks a program called insmod for a module that is not there; it does nothing.
# rule: kernel_module_loaded
# technique: T1547.006
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/insmod"
"$d/insmod" "$d/norn.ko"
