#!/bin/sh
# what: Asks a program called ufw to open the host; it does nothing.
# rule: firewall_flushed
# technique: T1562.004
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/ufw"
"$d/ufw" disable
