# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # its variables are the scenarios'
#
# An attach in the background, with or without a supervisor, for what happens between CONNECT and
# the moment when the device can be used. A scenario reads this after lib.sh.

cp "$TOP/udev/61-nbd-attach.rules" /etc/udev/rules.d

declare -A HOW=([supervised]='' [alone]=--no-daemon)

attach_behind() { # supervised|alone [OPTION…]: its pid in ATTACH
	local how=${HOW[$1]}
	shift
	# A shell has what it starts in the background ignore SIGINT.
	env --default-signal=INT "$PROGRAM" attach ${how:+$how} --name disk "$@" \
		"nbd://127.0.0.1:$PORT/" >out 2>err &
	ATTACH=$!
}

# ends CODE [WORD]: attach ends with CODE and one line on stderr. OUT becomes its stdout.
ends() {
	local code=0
	within 60 ended "$ATTACH"
	wait "$ATTACH" || code=$?
	cat out err
	OUT=$(cat out)
	[ $code = "$1" ] || fail "exit code $code instead of $1"
	[ "$1" = 0 ] || [ -z "$OUT" ] || fail "something on stdout"
	[ -z "${2-}" ] || expect_says "$2"
}
