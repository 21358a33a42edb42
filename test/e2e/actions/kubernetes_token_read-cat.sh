#!/bin/sh
# what: Reads the token of a Kubernetes service account where there is none.
# rule: kubernetes_token_read
# technique: T1528
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
/bin/cat /var/run/secrets/kubernetes.io/serviceaccount/token
