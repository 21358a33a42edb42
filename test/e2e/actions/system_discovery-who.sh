#!/bin/sh
# what: Asks who it is and on what system.
# rule: system_discovery
# technique: T1033
# severity: informational
# where: both
/bin/whoami > /dev/null
/bin/id > /dev/null
/bin/uname -a > /dev/null
