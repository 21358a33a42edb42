#!/bin/sh
# what: Opens the system's preload list for appending and appends nothing.
# rule: preload_library
# technique: T1574.006
# severity: high
# where: both
f=/etc/ld.so.preload
[ -e "$f" ] || trap 'rm -f "$f"' EXIT
: >> "$f"
