#!/bin/sh
# what: Copies logins of a browser that are none.
# rule: stored_passwords_opened
# technique: T1555.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir -p "$d/firefox"
echo none > "$d/firefox/logins.json"
cd "$d/firefox" || exit
/bin/cp logins.json copy
