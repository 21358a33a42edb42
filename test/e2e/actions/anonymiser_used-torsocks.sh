#!/bin/sh
# what: Starts a program with the name of a way into Tor; it does nothing.
# rule: anonymiser_used
# technique: T1090.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/torsocks"
"$d/torsocks" wget http://127.0.0.1/
