/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What both ends of nbd-attach-boot know: the image's maker, and the image. */
#pragma once

#include "common/error.h"

/* When the image was made: seconds since 1970. */
#define BOOT_STAMP "/usr/lib/nbd-attach/initrd-made"

/* What is in here is in the image: certificates and keys that the command line names. */
#define BOOT_FOLDER "/etc/nbd-attach/initrd"

/* What firmware, boot loader or hypervisor have given systemd. */
#define BOOT_CREDENTIALS "/run/credentials/@system"

/* files.c: prints what the image must hold; false: nothing is to be attached there.
 */
int boot_files(struct error *err);

/* end.c: detaches what the initramfs has attached, mounted or not. */
int boot_end(struct error *err);
