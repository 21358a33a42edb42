#!/bin/sh
# what: Packs the Kubernetes configuration of nobody.
# rule: cloud_credentials_read
# technique: T1552.001
# severity: medium
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/.kube"
echo "kind: Config" > "$d/.kube/config"
/bin/tar -cf "$d/taken.tar" "$d/.kube/config" 2> /dev/null
