#!/bin/sh
# what: Takes hold of a process of its own by a script, which then ends.
# rule: process_reached_into
# technique: T1055.008
# severity: medium
# where: host
# needs: perl
sleep 30 &
p=$!
perl -e 'syscall(101, 16, $ARGV[0] + 0, 0, 0)' "$p"
kill -9 "$p"
