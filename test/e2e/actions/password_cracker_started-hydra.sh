#!/bin/sh
# what: Starts a program with the name of a login guesser; it does nothing.
# rule: password_cracker_started
# technique: T1110.001
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/hydra"
"$d/hydra" -l root -P "$d/words" ssh://127.0.0.1
