#!/bin/sh
# what: Runs a program that calls itself like a thread of the kernel.
# rule: kernel_thread_masquerade
# technique: T1036.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/[kworker]"
PATH="$d:$PATH" "[kworker]"
