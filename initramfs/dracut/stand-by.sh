#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Sourced by dracut, back in its image, before it kills the processes that were started from the
# root file system. If the supervisor of the initramfs was killed, its standby is one of these,
# and so are the standby's relays. From here on a supervisor of this image stands by: data that is
# not written yet needs a link.

for nbd_attach_mark in /run/nbd-attach/*/initrd; do
	[ -e "$nbd_attach_mark" ] || continue
	nbd_attach_name=${nbd_attach_mark#/run/nbd-attach/}
	nbd-attachd --initrd "${nbd_attach_name%/initrd}" >/dev/null </dev/null &
done
