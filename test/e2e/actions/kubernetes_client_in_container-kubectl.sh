#!/bin/sh
# what: Asks a program called kubectl for secrets; it does nothing.
# rule: kubernetes_client_in_container
# technique: T1609
# severity: medium
# where: container
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/true "$d/kubectl"
"$d/kubectl" get secrets -A
