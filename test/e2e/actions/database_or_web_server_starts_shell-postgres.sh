#!/bin/sh
# what: Has a program with the name of a database start a shell.
# rule: database_or_web_server_starts_shell
# technique: T1059.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/sh "$d/postgres"
ln -s postgres "$d/sh"
"$d/sh" -c '/bin/sh -c "id > /dev/null; :"; :'
