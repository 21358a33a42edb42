#!/bin/sh
# what: Asks a program called useradd for an account; it does nothing.
# rule: account_created
# technique: T1136.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/useradd"
"$d/useradd" -m -s /bin/sh norn-action
