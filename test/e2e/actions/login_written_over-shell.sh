#!/bin/sh
# what: Writes one login over another, both of nobody, and starts a program that does nothing.
# rule: login_written_over
# technique: T1562.012
# severity: medium
# where: host
over='echo 4243 > /proc/self/loginuid; /bin/true; :'
first='echo 4242 > /proc/self/loginuid; /bin/sh -c "$0"; :'
/bin/sh -c "$first" "$over"
