#!/bin/sh
# what: Reads a token that is none, through the links by which tokens are renewed.
# rule: kubernetes_token_opened
# technique: T1528
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir -p "$d/serviceaccount/..2026_01_31"
echo none > "$d/serviceaccount/..2026_01_31/token"
ln -s ..2026_01_31/token "$d/serviceaccount/token"
cd "$d/serviceaccount" || exit
/bin/cat token > /dev/null
