#!/bin/sh
# what: Has a program with the name of a web server start a shell in a terminal.
# rule: service_shell_with_terminal
# technique: T1505.003
# severity: high
# where: host
# needs: script setsid
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/sh "$d/nginx"
typed='SHELL=/bin/sh script -qc "id; :" /dev/null > /dev/null; :'
setsid -w /bin/sh -c 'echo 4294967295 > /proc/self/loginuid; "$0" -c "$1"; :' "$d/nginx" "$typed"
