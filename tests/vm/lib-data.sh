# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Data of which every byte is known, compared with what the server has.

# new_disk FILE SIZE: a file for a server to export. SIZE as for truncate(1).
new_disk() {
	truncate -s "$2" "$1"
}

# pattern SEED BYTES: pseudo-random bytes, the same each time.
pattern() {
	local key
	key=$(printf '%s' "$1" | sha256sum | cut -c 1-32)
	head -c "$2" /dev/zero |
		openssl enc -aes-128-ctr -nosalt -K "$key" -iv 00000000000000000000000000000000
}

# same FILE FILE: every byte, and the size.
same() {
	cmp "$1" "$2" || fail "$1 and $2 differ"
}

# write_whole DEVICE FILE: past the page cache, and flushed to the server.
write_whole() {
	dd if="$2" of="$1" bs=1M iflag=fullblock oflag=direct conv=fsync status=none
}

# read_whole DEVICE FILE: from the server, not from the cache.
read_whole() {
	blockdev --flushbufs "$1"
	dd if="$1" of="$2" bs=1M iflag=direct status=none
}

# roundtrip DEVICE DISK [SEED]: fills the device; the server's file must contain exactly that,
# and the device must return it.
roundtrip() {
	local size
	size=$(stat -L -c %s "$2")
	[ "$(blockdev --getsize64 "$1")" = "$size" ] || fail "$1 has not the size of $2"
	pattern "${3:-$RANDOM}" "$size" >expected
	write_whole "$1" expected
	same expected "$2"
	read_whole "$1" read-back
	same expected read-back
}

# reads_back DEVICE DISK: the device returns what the server's file contains.
reads_back() {
	read_whole "$1" read-back
	same "$2" read-back
}
