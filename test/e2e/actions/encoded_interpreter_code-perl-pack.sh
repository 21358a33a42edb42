#!/bin/sh
# what: Asks a program called perl to run packed digits; it does nothing.
# rule: encoded_interpreter_code
# technique: T1140
# severity: high
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/perl"
"$d/perl" -e 'eval pack("H*", "31")'
