#!/bin/sh
# what: Runs a program whose file is named almost like a thread of the kernel.
# rule: kernel_thread_masquerade
# technique: T1036.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/kdevtmpfsi"
"$d/kdevtmpfsi" -d
