#!/bin/sh
# what: Asks a program called pkexec for a shell; it does nothing.
# rule: pkexec_suspicious
# technique: T1548
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/pkexec"
"$d/pkexec" /bin/sh
