#!/bin/sh
# what: Decodes hexadecimal digits into a shell, which then runs the harmless "true".
# rule: base64_piped_to_shell
# technique: T1140
# severity: high
# where: both
# needs: xxd
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
sh -c 'echo 74727565 | xxd -r -p | sh'
