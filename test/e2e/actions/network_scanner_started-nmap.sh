#!/bin/sh
# what: Starts a program with the name of a port scanner; it does nothing.
# rule: network_scanner_started
# technique: T1046
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/nmap"
"$d/nmap" -sS -p 1-1024 127.0.0.1
