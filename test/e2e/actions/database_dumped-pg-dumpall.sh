#!/bin/sh
# what: Asks a program called pg_dumpall for every database; it does nothing.
# rule: database_dumped
# technique: T1005
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/pg_dumpall"
"$d/pg_dumpall" -f "$d/all.sql"
