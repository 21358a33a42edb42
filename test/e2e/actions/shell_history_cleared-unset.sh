#!/bin/sh
# what: Tells a shell that has no history to keep none.
# rule: shell_history_cleared
# technique: T1070.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
sh -c 'unset HISTFILE; :'
