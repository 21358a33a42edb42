#!/bin/sh
# what: Looks through a command history that is none.
# rule: shell_history_opened
# technique: T1552.003
# severity: low
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
echo none > "$d/.bash_history"
cd "$d" || exit
/bin/cat .bash_history > /dev/null
