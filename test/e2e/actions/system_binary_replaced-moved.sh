#!/bin/sh
# what: Moves a copy of itself over a program of the container.
# rule: system_binary_replaced
# technique: T1554
# severity: high
# where: container
cp /bin/ls /bin/.norn-ls
trap 'rm -f /bin/.norn-ls' EXIT
mv /bin/.norn-ls /bin/ls
ls / > /dev/null
