#!/bin/sh
# what: Asks with seven tools who is here, what runs and what is mounted.
# rule: discovery_burst
# technique: T1082
# severity: medium
# where: host
/usr/bin/whoami > /dev/null
/usr/bin/id > /dev/null
/usr/bin/uname -a > /dev/null
/bin/ps aux > /dev/null
/bin/df -h > /dev/null
/bin/mount > /dev/null
/usr/bin/getent passwd > /dev/null
/bin/hostname > /dev/null
