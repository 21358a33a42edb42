#!/bin/sh
# what: Writes the login rules of a service that does not exist.
# rule: pam_configuration_changed
# technique: T1556.003
# severity: high
# where: both
f="/etc/pam.d/norn-action-$$"
made=; [ -d "${f%/*}" ] || { made=${f%/*}; mkdir -p "$made"; }
trap 'rm -f "$f"; [ -z "$made" ] || rmdir -p "$made" 2> /dev/null' EXIT
echo "# Written by an action of the catalogue, and gone in a moment." > "$f"
