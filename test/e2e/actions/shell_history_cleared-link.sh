#!/bin/sh
# what: Links the history of a shell that nobody uses to nowhere.
# rule: shell_history_cleared
# technique: T1070.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/ln -sf /dev/null "$d/.bash_history"
