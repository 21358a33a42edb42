#!/bin/sh
# what: Has Python decode base64 and run it; what it runs is "pass".
# rule: base64_piped_to_shell
# technique: T1027
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/python3"
"$d/python3" -c 'import base64; exec(base64.b64decode("cGFzcw=="))'
