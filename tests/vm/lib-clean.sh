# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Checks that nothing is left: no device, no process, no file.

# nbd-attach, nbd-attachd, nbd-relay; a name longer than 15 characters would match nothing.
OURS='nbd-[ar].*'

configured_devices() {
	local pid
	for pid in /sys/block/nbd*/pid; do
		[ ! -e "$pid" ] || echo "/dev/$(basename "${pid%/pid}")"
	done
}

our_processes() {
	pgrep -a -x "$OURS" || :
}

state_files() {
	find "$RUN_DIR" -mindepth 1 2>/dev/null || :
}

# A relay ends by itself, after NBD_CMD_DISC.
relays_have_ended() {
	local i
	for ((i = 0; i < 60; i++)); do
		pgrep -x nbd-relay >/dev/null || return 0
		sleep 0.1
	done
}

assert_clean() {
	local what left
	relays_have_ended
	for what in configured_devices our_processes state_files; do
		left=$($what)
		[ -z "$left" ] || fail "${what/_/ } left behind: $left"
	done
}

# After a case, however it ended, so that it does not disturb the next one.
wipe_up() {
	local device
	pkill -KILL -x "$OURS" || :
	findmnt -rn -o SOURCE,TARGET | awk '$1 ~ "^/dev/nbd" { print $2 }' |
		while read -r folder; do
			umount -l "$folder" || :
		done
	findmnt -rn -o TARGET | grep "^$CASE/" | tac | xargs -r umount -l || :
	for device in $(configured_devices); do
		timeout 20 nbd-client -d "$device" || :
	done
	rm -rf "$RUN_DIR"
}
