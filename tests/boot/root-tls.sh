# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Cases for scenarios of both frameworks: which servers a machine trusts that boots from one; and
# wrong clocks, with an image that claims to be old.

# shellcheck source=tests/boot/lib-root.sh
. "${BASH_SOURCE[0]%/*}/lib-root.sh"

OLD=978307200 # the beginning of 2001

makes_old_image() {
	own_tree
	SOURCE_DATE_EPOCH=$OLD make_image
	make_root
	server_start root file=root.img
}

refuses_wrong_authority() {
	server_start foreign file=root.img pki=foreign
	refuses_to_boot "cannot attach root: .*certificate.*(not trusted|unknown|issuer)" LABEL=root \
		"nbd.attach=root,$(attach_options foreign)"
}

refuses_with_wrong_clock() {
	MACHINE_RTC=2001-02-03 refuses_to_boot \
		"cannot attach root: .*not yet (activated|valid).*clock says 20" \
		LABEL=root "nbd.attach=root,$(attach_options root)"
}

boots_with_wrong_clock_if_asked() {
	MACHINE_RTC=2001-02-03 boot_on LABEL=root \
		"nbd.attach=root,$(attach_options root),tls-ignore-not-before"
	wait_booted
	console_says 'this is not checked .tls-ignore-not-before'
	guest 'nbd-attach status root' | grep 'NOT WHETHER ITS CERTIFICATE IS VALID YET'
	goes_off_clean root
}

# By a configuration file, with a key that others can read; or with an unknown option.
makes_no_image() {
	install -m 644 "$PKI/psk/keys.psk" tree/etc/nbd-attach/root.psk
	printf '%s\n' '[attach]' uri=nbds://a@server/root tls-psk-file=root.psk initrd=yes |
		tree_file /etc/nbd-attach/root.conf
	! make_image || fail "with a key that everybody can read"
	grep 'root.psk can be read by everybody' image.log
	chmod 600 tree/etc/nbd-attach/root.psk
	echo io-timout=1s >>tree/etc/nbd-attach/root.conf
	! make_image || fail "without what is to be attached"
	grep 'root.conf:5: unknown option' image.log
}

# The key makes the image readable for root only.
makes_image_with_key() {
	server_start psk file=root.img tls=psk
	tree_file /etc/nbd-attach/root.conf <<-END
		[attach]
		uri = nbds://alice@10.0.2.2:$(cat psk.port)/root
		tls-psk-file = root.psk
		initrd = yes
	END
	make_image
	unpack
	image_is_private /etc/nbd-attach/root.psk
}

# The clock is never older than the image.
boots_with_key_and_no_clock() {
	MACHINE_RTC=1970-01-02 boot_on LABEL=root
	wait_booted
	console_says 'the clock said .*, before this image was made: set to 2'
	is_attached
	is_left_alone
	goes_off_clean psk
}

# What firmware may pass; here the command line, because there is no firmware.
boots_with_credential() {
	sed 's/^tls-psk-file = .*/tls-psk-file = credential:psk/' tree/etc/nbd-attach/root.conf |
		tree_file /etc/nbd-attach/root.conf
	make_image
	unpack
	image_is_private
	server_stop psk
	server_start_again psk
	: >psk.log
	boot_on LABEL=root \
		"systemd.set_credential=nbd-attach.root.psk:$(cat "$PKI/psk/keys.psk")"
	wait_booted
	is_attached
	goes_off_clean psk
}

tls_cases() {
	it "makes an image that seems old" makes_old_image
	it "refuses a server of another authority" refuses_wrong_authority
	it "refuses with a clock that is wrong" refuses_with_wrong_clock
	it "boots with a clock that is wrong, if asked to" boots_with_wrong_clock_if_asked
	it "makes no image that would not boot" makes_no_image
	it "makes an image with a key" makes_image_with_key
	it "boots with a key, and no clock" boots_with_key_and_no_clock
}
