#!/bin/sh
# what: Asks a program called curl to put a download among temporary files; it does nothing.
# rule: download_to_temp
# technique: T1105
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/curl"
"$d/curl" -s -o /tmp/norn-action http://127.0.0.1:9/agent
