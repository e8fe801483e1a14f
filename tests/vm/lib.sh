# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The functions for scenarios. A scenario has a line
#
#	it "does something" function [ARGUMENT…]
#
# for each of its cases. A case runs in its own folder and shell, where the first command that
# fails ends it. After it no device, process or state may be left, and the kernel's log must have
# no trouble; then its servers are stopped.

set -Eeuo pipefail

VM_LIB=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
export TOP PKI PROGRAM
WORK=/run/test
RESULTS=/run/results
RUN_DIR=/run/nbd-attach

# shellcheck source=tests/lib-cases.sh
. "$VM_LIB/../lib-cases.sh"
# shellcheck source=tests/vm/lib-servers.sh
. "$VM_LIB/lib-servers.sh"
# shellcheck source=tests/vm/lib-data.sh
. "$VM_LIB/lib-data.sh"
# shellcheck source=tests/vm/lib-program.sh
. "$VM_LIB/lib-program.sh"
# shellcheck source=tests/vm/lib-clean.sh
. "$VM_LIB/lib-clean.sh"
# shellcheck source=tests/vm/lib-supervised.sh
. "$VM_LIB/lib-supervised.sh"

# Kernel messages that no test may cause, unless a case calls expect_in_kernel_log. Not that a
# request takes longer than a second ("Possible stuck"): on a busy machine any may.
TROUBLE='BUG|WARNING|Oops|I/O error|Call Trace|general protection|blocked for more'

it() {
	local name=$1 start=$EPOCHREALTIME verdict=ok code
	shift
	CASE=$(mktemp -d -p "$WORK" case.XXXXXX)
	echo "<6>nbd-attach test: $CASE" >/dev/kmsg
	echo "--- $name"

	set +e
	(
		end_at_failure
		trap 'wipe_up; stop_servers' EXIT
		cd "$CASE"
		"$@"
		assert_clean
	) >"$CASE.log" 2>&1
	code=$?
	set -e
	[ $code = 0 ] || verdict=FAILED

	no_kernel_trouble "$CASE" >>"$CASE.log" 2>&1 || verdict=FAILED
	[ $verdict = ok ] && [ -z "${VM_VERBOSE-}" ] || cat "$CASE.log"
	note_case "$RESULTS/cases" $verdict "$start" "$name"
	sync "$RESULTS/cases"
	rm -rf "$CASE"
}

# In a case: lines of the kernel's log that match are expected.
expect_in_kernel_log() {
	echo "$1" >>"$CASE.expected"
}

no_kernel_trouble() {
	local found
	: >>"$1.expected"
	found=$(dmesg | sed "1,\\|nbd-attach test: $1|d" | grep -E "$TROUBLE" |
		grep -v -E -f "$1.expected") || return 0
	printf 'the kernel said:\n%s\n' "$found"
	return 1
}

mkdir -p "$WORK"
modprobe nbd
# A path that can be used in a URI, wherever the checkout is.
cp -r "$PKI" /run/pki
PKI=/run/pki
