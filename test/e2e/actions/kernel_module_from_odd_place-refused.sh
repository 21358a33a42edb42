#!/bin/sh
# what: Gives the kernel a file that is no module; it is refused.
# rule: kernel_module_from_odd_place
# technique: T1547.006
# severity: high
# where: host
# needs: perl
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
echo none > "$d/a.ko"
perl -e 'open(F, $ARGV[0]); $n = ""; syscall(313, fileno(F), $n, 0)' "$d/a.ko"
