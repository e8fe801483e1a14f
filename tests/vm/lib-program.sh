# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Runs nbd-attach and checks the result.

# run COMMAND…: its exit code in CODE, its stdout in OUT and in the file out, its stderr in
# the file err.
run() {
	echo "\$ $*"
	CODE=0
	timeout -k 5 60 "$@" >out 2>err </dev/null || CODE=$?
	OUT=$(cat out)
	cat out err
	[ "$CODE" != 124 ] && [ "$CODE" -lt 128 ] || fail "hung or killed: code $CODE"
}

# nbd_attach ARGUMENT…: must succeed.
nbd_attach() {
	run "$PROGRAM" "$@"
	[ "$CODE" = 0 ] || fail "exit code $CODE"
}

# expect_exit CODE ARGUMENT…: nbd-attach fails with CODE, and one line that says why.
expect_exit() {
	local code=$1
	shift
	run "$PROGRAM" "$@"
	[ "$CODE" = "$code" ] || fail "exit code $CODE instead of $code"
	[ "$(wc -l <err)" = 1 ] || fail "not one line on stderr"
	[ -z "$OUT" ] || fail "something on stdout"
}

# expect_says WORD…: the line of the last expect_exit matches (extended regular expression).
expect_says() {
	local word
	for word; do
		grep -q -i -E -e "$word" err || fail "the message says nothing of $word"
	done
}

# Whether the program has sanitizers, which need extra memory and lock none.
sanitized() {
	grep -q -a __asan_init "$PROGRAM"
}

# attach [OPTION…] URI: sets DEVICE.
attach() {
	nbd_attach attach --no-daemon "$@"
	DEVICE=$OUT
	[ -b "$DEVICE" ] || fail "'$DEVICE' is not a block device"
}

# A failed attach, which leaves nothing behind.
expect_no_attach() { # CODE [OPTION…] URI
	local code=$1
	shift
	expect_exit "$code" attach --no-daemon "$@"
	assert_clean
}

detach() {
	nbd_attach detach "$@"
}

# field NAME COLUMN: of `nbd-attach list`: NAME DEVICE SIZE STATE SERVER TLS LINKS
field() {
	"$PROGRAM" list | awk -v name="$1" -v column="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == name { print $at[column] }'
}

# only_starttls FILE: what a client sent has no byte in plaintext except its flags, STARTTLS and
# ABORT; the rest is TLS.
only_starttls() {
	local flags='0000000[013]' option=49484156454f5054
	local starttls="${option}0000000500000000" abort="${option}0000000200000000"
	local sent
	sent=$(od -An -v -tx1 -N 64 "$1")
	sent=${sent//[[:space:]]/}
	[[ $sent =~ ^($flags($starttls)?($abort)?)?$ ]] ||
		[[ $sent =~ ^$flags${starttls}1603[0-9a-f]*$ ]] ||
		fail "sent in plaintext: ${sent:0:200}"
	echo "sent in plaintext: ${sent:0:48}…"
}

# system_trusts FOLDER: the system's trust store gets only the CA of that folder.
system_trusts() {
	mkdir -p /etc/ssl/certs
	cp "$1/ca-cert.pem" /etc/ssl/certs/ca-certificates.crt
}

# p11_kit_trusts FOLDER: the same, but the store is a module of p11-kit, and there is no file. On
# Debian the module's store is that file: here, in a copy, it is P11_STORE, which is as long.
P11_STORE=/etc/ssl/certs/store-of-the-module
p11_kit_trusts() {
	local module
	module=$(echo /usr/lib/*/pkcs11/p11-kit-trust.so)
	rm -f /etc/ssl/certs/ca-certificates.crt
	mkdir -p /etc/pkcs11/modules "$P11_STORE"/{anchors,blocklist}
	cp "$1/ca-cert.pem" "$P11_STORE/anchors"
	sed "s,/etc/ssl/certs/ca-certificates.crt,$P11_STORE," "$module" >/etc/pkcs11/test.so
	grep -aq "$P11_STORE" /etc/pkcs11/test.so || fail "$module has another store"
	printf 'module: /etc/pkcs11/test.so\ntrust-policy: yes\n' \
		>/etc/pkcs11/modules/p11-kit-trust.module
}
