#!/bin/sh
# what: Writes a unit into the home of nobody.
# rule: systemd_unit_written
# technique: T1543.002
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir -p "$d/.config/systemd/user"
echo "[Unit]" > "$d/.config/systemd/user/norn.service"
