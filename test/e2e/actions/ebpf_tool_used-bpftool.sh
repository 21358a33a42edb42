#!/bin/sh
# what: Asks a program called bpftool to load a program into the kernel; it does nothing.
# rule: ebpf_tool_used
# technique: T1014
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/bpftool"
"$d/bpftool" prog load "$d/x.o" /sys/fs/bpf/norn-action
