#!/bin/sh
# what: Asks a program called iptables to drop all rules; it does nothing.
# rule: firewall_flushed
# technique: T1562.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/iptables"
"$d/iptables" -F
