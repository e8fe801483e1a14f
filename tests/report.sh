# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# One line for each test as it ends, and a tally of them all in the file $TALLY.

# report ok|FAILED|skipped NAME SECONDS
report() {
	printf '%-7s %s  %s s\n' "$1" "$2" "$3"
	echo "$1" >>"$TALLY"
}

# took NAME START: a whole scenario with its machine; see slowest.
took() {
	echo "took $(seconds_since "$2") $1" >>"$TALLY"
}

# timed NAME COMMAND…: one test that is one command; its output is shown if it fails.
timed() {
	local name=$1 log verdict=ok start=$EPOCHREALTIME
	shift
	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null || verdict=FAILED
	report "$verdict" "$name" "$(seconds_since "$start")"
	[ "$verdict" = ok ] || sed 's/^/    | /' "$log"
	rm -f "$log"
	[ "$verdict" = ok ]
}

# seconds_since START, where START was $EPOCHREALTIME
seconds_since() {
	local us=$((${EPOCHREALTIME/[.,]/} - ${1/[.,]/}))
	printf '%d.%d\n' $((us / 1000000)) $((us % 1000000 / 100000))
}

# select_scenarios FOLDER SHORT [PATTERN…]: scenarios by name; all without a pattern. If SHORT is
# not empty, those with a "# Long:" line are left out.
select_scenarios() {
	local folder=$1 short=$2 script pattern
	shift 2
	for script in "$folder"/*.sh; do
		[ -z "$short" ] || ! grep -q '^# Long: ' "$script" || continue
		script=$(basename "$script" .sh)
		for pattern in "${@:-*}"; do
			# shellcheck disable=SC2053 # it is a pattern
			[[ $script == $pattern ]] || continue
			echo "$script"
			break
		done
	done
}

slowest() {
	local seconds name
	grep -q '^took ' "$TALLY" || return 0
	echo "The slowest scenarios:"
	sed -n 's/^took //p' "$TALLY" | sort -rn | head | while read -r seconds name; do
		printf '%7.1f s  %s\n' "$seconds" "$name"
	done
}

# The last lines. True only if at least one test ran and none failed.
summary() {
	local passed failed skipped
	slowest
	passed=$(grep -c '^ok$' "$TALLY")
	failed=$(grep -c '^FAILED$' "$TALLY")
	skipped=$(grep -c '^skipped$' "$TALLY")
	echo "$passed passed, $failed failed$([ "$skipped" = 0 ] || echo ", $skipped skipped")"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
}
