#!/bin/sh
# what: Has the kernel take a program that returns 0 and is attached to nothing; it ends with the script.
# rule: bpf_program_from_odd_place
# technique: T1014
# severity: medium
# where: host
# needs: perl
d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
cd "$d" || exit
perl -e '$i = pack("Q2", 0xb7, 0x95);
$a = pack("L2P8P4x104", 1, 2, $i, "GPL\0");
syscall(321, 5, $a, length $a)'
