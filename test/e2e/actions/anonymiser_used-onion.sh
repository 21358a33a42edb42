#!/bin/sh
# what: Asks a program called curl for a hidden service; it does nothing.
# rule: anonymiser_used
# technique: T1090.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/curl"
"$d/curl" --socks5-hostname 127.0.0.1:9050 http://nornactionnornactionnornactionnornactionnornactionnorn.onion/
