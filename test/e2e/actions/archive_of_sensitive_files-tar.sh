#!/bin/sh
# what: Asks a program called tar to pack the password hashes; it does nothing.
# rule: archive_of_sensitive_files
# technique: T1560.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/tar"
"$d/tar" -czf "$d/taken.tgz" /etc/shadow /root/.ssh
