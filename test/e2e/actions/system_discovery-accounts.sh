#!/bin/sh
# what: Looks at the accounts and the system's name.
# rule: system_discovery
# technique: T1082
# severity: informational
# where: both
/bin/cat /etc/passwd > /dev/null
/bin/cat /proc/version > /dev/null
/bin/uname -a > /dev/null
