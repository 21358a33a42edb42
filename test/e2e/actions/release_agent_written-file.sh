#!/bin/sh
# what: Writes a file with the name that control groups run at their end, where no control group is.
# rule: release_agent_written
# technique: T1611
# severity: critical
# where: both
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
mkdir "$d/cgroup"
echo /bin/true > "$d/cgroup/release_agent"
