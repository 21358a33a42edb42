#!/bin/sh
# what: Asks a program called gcc to translate a file in a directory for temporary files; it does nothing.
# rule: compiler_in_temp
# technique: T1027.004
# severity: medium
# where: both
d=/tmp/norn-action-$$
trap 'rm -rf "$d"' EXIT
mkdir "$d"
cp /bin/true "$d/gcc"
cd "$d" || exit
"$d/gcc" -o "$d/exploit" "$d/exploit.c"
