#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sourced by dracut, back in its image, before it kills whatever has been started from the
# file system that it is to unmount. So has the supervisor that stood by there, if the one
# of the initramfs was killed, and with it go its relays. From here on one of this image's
# stands by: what is yet to be written needs a link.

for nbd_attach_mark in /run/nbd-attach/*/initrd; do
	[ -e "$nbd_attach_mark" ] || continue
	nbd_attach_name=${nbd_attach_mark#/run/nbd-attach/}
	nbd-attachd --initrd "${nbd_attach_name%/initrd}" >/dev/null </dev/null &
done
