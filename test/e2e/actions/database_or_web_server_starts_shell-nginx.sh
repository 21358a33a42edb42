#!/bin/sh
# what: Has a program with the name of a web server start a shell.
# rule: database_or_web_server_starts_shell
# technique: T1505.003
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/sh "$d/nginx"
ln -s nginx "$d/sh"
"$d/sh" -c '/bin/sh -c "id > /dev/null; :"; :'
