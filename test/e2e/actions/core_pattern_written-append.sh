#!/bin/sh
# what: Opens the kernel's pattern for core files and writes nothing.
# rule: core_pattern_written
# technique: T1611
# severity: high
# where: host
f=/proc/sys/kernel/core_pattern
[ -w "$f" ] || exit 1
: >> "$f"
