#!/bin/sh
# what: Moves an empty preload list into its place.
# rule: preload_library
# technique: T1574.006
# severity: high
# where: container
f=/etc/ld.so.preload
[ -e "$f" ] && exit 1
trap 'rm -f "$f" /etc/.norn-preload' EXIT
: > /etc/.norn-preload
mv /etc/.norn-preload "$f"
