# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What the scenarios of tests/vm and of tests/boot have in common; see their lib.sh.

# Where a scenario called, for the log.
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

# In a case's shell: its first command that fails ends it, and is told.
end_at_failure() {
	set -e
	trap 'echo "$(whence): failed: $BASH_COMMAND" >&2' ERR
}

# note_case FILE VERDICT START NAME: a line for who runs the scenario; it began at START, of
# $EPOCHREALTIME.
note_case() {
	local us=$((${EPOCHREALTIME/./} - ${3/./}))
	printf '%s %d.%d %s\n' "$2" $((us / 1000000)) $((us % 1000000 / 100000)) "$4" >>"$1"
	echo "--- $2: $4"
}
