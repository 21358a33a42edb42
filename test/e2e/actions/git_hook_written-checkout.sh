#!/bin/sh
# what: Writes a hook into a repository that is none.
# rule: git_hook_written
# technique: T1546
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir -p "$d/.git/hooks"
echo "exit 0" > "$d/.git/hooks/post-checkout"
