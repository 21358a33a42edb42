#!/bin/sh
# what: Writes an entry for the start of the desktop of nobody.
# rule: autostart_entry_written
# technique: T1547.013
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir -p "$d/.config/autostart"
echo "Hidden=true" > "$d/.config/autostart/norn.desktop"
