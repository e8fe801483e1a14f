# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What the scenarios of tests/vm and of tests/boot have in common; see their lib.sh.

# The line of the scenario that called, for the log.
whence() {
	local i
	for ((i = 1; i < ${#BASH_SOURCE[@]} - 1; i++)); do
		[[ ${BASH_SOURCE[i]##*/} == lib*.sh ]] || break
	done
	echo "${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]}"
}

fail() {
	echo "$(whence): $*" >&2
	exit 1
}

# In a case's shell: the first command that fails ends the case and is logged.
end_at_failure() {
	set -e
	trap 'echo "$(whence): failed: $BASH_COMMAND" >&2' ERR
}

# note_case FILE VERDICT START NAME: a result line for tests/vm/run and tests/boot/run. START is
# an $EPOCHREALTIME.
note_case() {
	local us=$((${EPOCHREALTIME/./} - ${3/./}))
	printf '%s %d.%d %s\n' "$2" $((us / 1000000)) $((us % 1000000 / 100000)) "$4" >>"$1"
	echo "--- $2: $4"
}
