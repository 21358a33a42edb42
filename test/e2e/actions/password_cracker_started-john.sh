#!/bin/sh
# what: Starts a program with the name of a password cracker; it does nothing.
# rule: password_cracker_started
# technique: T1110.002
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/john"
"$d/john" --wordlist="$d/words" "$d/hashes"
