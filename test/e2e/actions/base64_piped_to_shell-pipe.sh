#!/bin/sh
# what: Decodes base64 into a shell, which then runs the harmless "true".
# rule: base64_piped_to_shell
# technique: T1140
# severity: high
# where: both
code=$(printf true | base64)
sh -c "echo $code | base64 -d | sh"
exit 0
