# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034 # its variables are lib-supervised.sh's
#
# A man in the middle tries to get the data in plaintext, or to pose as the server, whenever a
# link is made: when the disk is attached, when a lost link is replaced, when another supervisor
# takes over, and when links are replaced as planned. He must never receive more than STARTTLS
# and ABORT; I/O waits, or continues over the existing link; and everything works again when he
# is gone. A scenario reads this after lib.sh.

# Each way has its own attack and its own man in the middle (tests/hostile/mitm.py).
declare -A MIDDLE=() PORTS=()
declare -A WHY=([unsup]='offers no TLS.*does not support STARTTLS'
	[policy]='offers no TLS.*policy' [invalid]='offers no TLS.*invalid'
	[unfixed]='offers no TLS.*newstyle' [plaintext]='offers no TLS'
	[injected]='TLS handshake' [replayed]='TLS' [impostor]='certificate.*not accepted')
# Several processes must run for each request.
LOAD_OPTIONS=(--pause 100)

uri() { # WAY
	echo "nbds://localhost:${PORTS[$1]}/$1?tls-certificates=$CLIENT_FOLDER"
}

man_in_the_middle() { # WAY SERVER-PORT PLAIN-PORT
	free_port
	# shellcheck disable=SC2153 # it is free_port's
	PORTS[$1]=$PORT
	mkdir "heard-$1"
	start "mitm-$1" "$TOP/tests/hostile/mitm.py" "${1%-*}" "$PORT" "$2" "$3" "$PKI" \
		"heard-$1"
	MIDDLE[$1]=$SERVER_PID
	wait_for listening
}

# Two servers of the same disks, one with optional TLS, and one without TLS.
men_in_the_middle() {
	local way server plain
	new_disks 4M
	start_nbdkit "$ONE_BY_ONE" --tls=on --tls-certificates="$PKI/server" file dir=disks
	server=$PORT
	start_nbdkit "$ONE_BY_ONE" --tls=off file dir=disks
	plain=$PORT
	for way in "${WAYS[@]}"; do
		man_in_the_middle "$way" "$server" "$plain"
	done
}

attack() {
	local way
	for way in "${WAYS[@]}"; do
		touch "heard-$way/attack"
	done
}

leave_alone() {
	rm heard-*/attack
}

cut_links() {
	kill -USR1 "${MIDDLE[@]}"
}

# Wait, so that the supervisor does not take this link for a flapping one.
planned_replacement() {
	local way
	sleep 4
	for way in "${WAYS[@]}"; do
		kill -HUP "$(supervisor "$way")"
	done
}

kill_supervisors() {
	local way
	for way in "${WAYS[@]}"; do
		kill_supervisor "$way"
	done
}

adopt_all() {
	local way
	for way in "${WAYS[@]}"; do
		adopt "$way"
	done
}

# Each way was attacked, and he received nothing. More files appear while he is there.
heard_nothing() {
	local way file
	for way in "${WAYS[@]}"; do
		for file in "heard-$way"/attacked-*; do
			[ -e "$file" ] || fail "$way was not attacked"
			only_starttls "$file"
			rm "$file"
		done
	done
}

says_why() {
	local way
	for way in "${WAYS[@]}"; do
		within 15 says "$way" 'last error' "${WHY[${way%-*}]}"
	done
}

all_are() { # STATE
	local way
	for way in "${WAYS[@]}"; do
		within 15 is "$way" "$1"
	done
}

# How often the links were replaced.
reconnects() {
	local way
	for way in "${WAYS[@]}"; do
		"$PROGRAM" status "$way" | awk -v way="$way" '$1 == "reconnects:" { print way, $2 }'
	done
}

all_replaced() { # BEFORE, of reconnects
	[ "$(awk '{ print $1, $2 + 1 }' <<<"$1")" = "$(reconnects)" ]
}

# All links are lost, and he attacks each new one.
refused_until_he_leaves() {
	all_are refused
	says_why
	stands 1
	leave_alone
	heard_nothing
	flows 30
	all_are up
}

not_attached() {
	local way
	for way in "${WAYS[@]}"; do
		# something to replay
		nbd_attach info "$(uri "$way")"
		touch "heard-$way/attack"
		expect_exit 5 attach --name "$way" "$(uri "$way")"
		expect_says "${WHY[${way%-*}]}"
	done
	assert_clean
	heard_nothing
	leave_alone
}

not_reconnected() {
	attack
	cut_links
	refused_until_he_leaves
}

not_adopted() {
	attack
	kill_supervisors
	cut_links
	adopt_all
	refused_until_he_leaves
}

not_replaced() {
	local before
	before=$(reconnects)
	attack
	planned_replacement
	says_why
	all_are up
	flows 5
	[ "$before" = "$(reconnects)" ] || fail "$before: now $(reconnects)"
	leave_alone
	heard_nothing
	planned_replacement
	within 15 all_replaced "$before"
	flows 5
}

harmful() { # ATTACK…
	WAYS=("${@/%/-1}")
	men_in_the_middle
	not_attached
	attach_ways
	start_loads
	not_reconnected
	not_adopted
	not_replaced
	finish
}

# What he changes here is not protected, and has no meaning.
harmless() { # ATTACK…
	local before
	WAYS=("${@/%/-1}")
	men_in_the_middle
	attack
	attach_ways
	start_loads
	cut_links
	flows 15
	kill_supervisors
	cut_links
	adopt_all
	flows 15
	all_are up
	before=$(reconnects)
	planned_replacement
	within 15 all_replaced "$before"
	finish
	heard_nothing
}
