#!/bin/sh
# what: Asks a program called python3 to run hexadecimal digits; it does nothing.
# rule: encoded_interpreter_code
# technique: T1027.010
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/python3"
"$d/python3" -c 'exec(bytes.fromhex("70617373"))'
