# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Images that boot a machine from a server, made by initramfs-tools or by dracut. Sourced by
# lib-root.sh.
#
#	own_tree		a copy of the tree for this scenario: in the folder tree
#	tree_file PATH [MODE]	with stdin's content
#	make_image		initrd, by $FRAMEWORK, for what is in tree
#	refuses_image REGEX	it does not make one, and says why
#	unpack			the image, into the folder unpacked
#	image_is_whole, image_is_private	check its contents

: "${FRAMEWORK:?initramfs-tools or dracut}"

own_tree() {
	mkdir -p upper work tree
	mount -t overlay overlay -o "lowerdir=$IMAGE/tree,upperdir=upper,workdir=work" tree
	mount -t proc proc tree/proc
	mount -t devtmpfs dev tree/dev
	mkdir -p tree/etc/nbd-attach/initrd
	install -m 644 "$PKI/ca/ca-cert.pem" tree/etc/nbd-attach/initrd
}

tree_file() { # PATH [MODE]
	mkdir -p "tree$(dirname "$1")"
	cat >"tree$1"
	chmod "${2:-644}" "tree$1"
}

kernel_version() {
	ls tree/lib/modules
}

# What this machine needs, besides what our hook adds; without compression, to save time.
make_with_initramfs_tools() {
	cp -a tree/etc/initramfs-tools tree/tmp/conf
	printf '%s\n' virtio_pci virtio_net dm_crypt >tree/tmp/conf/modules
	sed -i -e 's/^MODULES=.*/MODULES=list/' -e 's/^COMPRESS=.*/COMPRESS=zstd/' \
		tree/tmp/conf/initramfs.conf
	echo COMPRESSLEVEL=1 >>tree/tmp/conf/initramfs.conf
	chroot tree mkinitramfs -d /tmp/conf -o /tmp/initrd "$(kernel_version)" || return
	rm -rf tree/tmp/conf
}

# What these tests do not need, to save time.
needless_dracut_modules() {
	echo i18n kernel-modules-extra lvmmerge mdraid dmraid btrfs multipath \
		qemu qemu-net nfs cifs iscsi fcoe nvmf virtiofs virtfs resume terminfo \
		memstrack biosdevname console-setup securityfs masterkey integrity selinux \
		plymouth drm rngd modsign rescue systemd-hostnamed systemd-coredump \
		systemd-resolved systemd-timedated systemd-portabled systemd-rfkill \
		systemd-pstore systemd-repart systemd-sysext systemd-integritysetup \
		systemd-veritysetup systemd-pcrphase fido2 pcsc pkcs11 tpm2-tss nvdimm \
		overlay-root overlayfs ppcmac lunmask usrmount uefi-lib pollcdrom
	# dash is enough, but not for newer versions' systemd-networkd.
	grep -q '^ *echo .* bash' tree/usr/lib/dracut/modules.d/*systemd-networkd/module-setup.sh ||
		echo bash
}

systemd_modules() {
	(cd tree/usr/lib/dracut/modules.d && printf '%s\n' *systemd* | sed 's/^[0-9]*//')
}

# As for any machine. With WITHOUT_SYSTEMD=yes, dracut's own scripts are init; its older versions
# choose systemd-networkd nevertheless.
make_with_dracut() {
	local older=
	[ ! -d tree/usr/lib/dracut/modules.d/35network-legacy ] ||
		older=${WITHOUT_SYSTEMD:+network-legacy}
	chroot tree dracut --force --no-hostonly --no-early-microcode --compress 'zstd -1' \
		--omit "$({
			needless_dracut_modules
			[ -z "${WITHOUT_SYSTEMD-}" ] || systemd_modules
		} | xargs)" \
		--drivers 'ext4 virtio_pci dm_crypt' ${older:+--add $older} \
		"${DRACUT_ARGUMENTS[@]}" /tmp/initrd "$(kernel_version)"
}

DRACUT_ARGUMENTS=()

make_image() {
	rm -f initrd
	"make_with_${FRAMEWORK/-/_}" >image.log 2>&1 || { cat image.log >&2; return 1; }
	mv tree/tmp/initrd .
}

# What would not boot is not made. For what is in tree; initrd stays as it is.
refuses_image() { # REGEX
	rm -f tree/tmp/initrd
	! "make_with_${FRAMEWORK/-/_}" >refused.log 2>&1 || fail "made an image"
	grep -E "$1" refused.log
	[ ! -s tree/tmp/initrd ]
}

unpack() {
	rm -rf unpacked tree/tmp/unpacked
	cp initrd tree/tmp/initrd
	chroot tree unmkinitramfs /tmp/initrd /tmp/unpacked
	mv tree/tmp/unpacked .
	[ ! -d unpacked/main ] || { mv unpacked/main whole; rm -rf unpacked; mv whole unpacked; }
}

# Programs with all their libraries; kernel modules; name resolution; a clock.
image_is_whole() {
	local program module
	for program in nbd-attachd nbd-attach nbd-attach-boot; do
		chroot unpacked "/usr/sbin/$program" --help >/dev/null
	done
	for module in nbd tls gcm ccm chacha20poly1305 aesni-intel virtio_net; do
		[ -n "$(find unpacked/usr/lib/modules -name "$module.ko*")" ] ||
			fail "no module $module"
	done
	diff unpacked/etc/nbd-attach/initrd/ca-cert.pem "$PKI/ca/ca-cert.pem"
	grep -q '^nbd-attach:' unpacked/etc/passwd
	[ -e unpacked/usr/lib/udev/rules.d/61-nbd-attach.rules ]
	grep -q '^hosts: .*files.* dns' unpacked/etc/nsswitch.conf
	[ -n "$(find unpacked/ -name 'libnss_dns.so*')" ]
	[ "$(cat unpacked/usr/lib/nbd-attach/initrd-made)" -gt 900000000 ]
}

# No key except those requested, and those only in an image for root.
image_is_private() { # KEY…
	local keys
	keys=$(find unpacked -name '*-key.pem' -o -name '*.psk' -o -path '*/nbd-pki/*')
	[ "$(echo "$keys" | sed 's,^unpacked,,' | sort)" = "$(printf '%s\n' "$@" | sort)" ] ||
		fail "other keys than asked for: $keys"
	[ $# = 0 ] || [ "$(stat -c %a initrd)" = 600 ]
	# But the link worker, who is nobody there, resolves names.
	[ -n "$(find unpacked/etc -maxdepth 0 -perm -o=x)" ]
	[ -n "$(find unpacked/etc/nsswitch.conf -perm -o=r)" ]
	[ ! -e unpacked/etc/ssl/certs/ca-certificates.crt ]
}
