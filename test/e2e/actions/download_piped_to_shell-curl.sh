#!/bin/sh
# what: Runs what curl fetches, in the form that installers take; nothing is fetched.
# rule: download_piped_to_shell
# technique: T1059.004
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/curl"
cd "$d" || exit
PATH="$d:$PATH" sh -c 'sh -c "$(curl -fsSL http://127.0.0.1:9/install)"; :'
