#!/bin/sh
# what: Has Python run a program from memory that never was a file.
# rule: fileless_execution
# technique: T1620
# severity: high
# where: host
# needs: python3
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
python3 -c 'import os; f = os.memfd_create("norn"); os.write(f, open("/bin/true", "rb").read()); os.execv(f"/proc/self/fd/{f}", ["true"])'
