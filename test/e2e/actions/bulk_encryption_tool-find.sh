#!/bin/sh
# what: Names the encryption of all files of a directory of its own, in which there are none.
# rule: bulk_encryption_tool
# technique: T1486
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/openssl"
cd "$d" || exit
PATH="$d:$PATH" sh -c 'find . -name "*.doc" -exec openssl enc -aes-256-cbc -pass pass:x -in {} -out {}.enc \;'
