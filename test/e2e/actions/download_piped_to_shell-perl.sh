#!/bin/sh
# what: Pipes what curl fetches into Perl; nothing is fetched and nothing runs.
# rule: download_piped_to_shell
# technique: T1105
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
for name in curl perl; do cp /bin/true "$d/$name"; done
PATH="$d:$PATH" sh -c 'curl -s http://127.0.0.1:9/x.pl | perl'
