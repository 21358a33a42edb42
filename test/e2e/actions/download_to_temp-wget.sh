#!/bin/sh
# what: Asks a program called wget to put a download among temporary files; it does nothing.
# rule: download_to_temp
# technique: T1105
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/wget"
"$d/wget" -q http://127.0.0.1:9/agent -O /tmp/norn-action
