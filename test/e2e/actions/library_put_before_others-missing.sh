#!/bin/sh
# what: Starts a program with a library before all others that is not there.
# rule: library_put_before_others
# technique: T1574.006
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
LD_PRELOAD="$d/none.so" /bin/true 2> /dev/null
:
