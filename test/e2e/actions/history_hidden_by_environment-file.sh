#!/bin/sh
# what: Starts a shell that keeps no history, and does nothing in it.
# rule: history_hidden_by_environment
# technique: T1562.003
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
HISTFILE=/dev/null /bin/sh -c :
