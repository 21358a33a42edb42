#!/bin/sh
# what: Asks a program called mysqldump for every database; it does nothing.
# rule: database_dumped
# technique: T1005
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/mysqldump"
"$d/mysqldump" --all-databases
