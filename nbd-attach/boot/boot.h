/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths that nbd-attach-boot uses both when the image is made and in the image. */
#pragma once

#include "common/error.h"

/* When the image was made: seconds since 1970. */
#define BOOT_STAMP "/usr/lib/nbd-attach/initrd-made"

/* Copied into the image: certificates and keys that the command line names. */
#define BOOT_FOLDER "/etc/nbd-attach/initrd"

/* Credentials that systemd got from firmware, boot loader or hypervisor. */
#define BOOT_CREDENTIALS "/run/credentials/@system"

/* files.c: prints what the image must contain. FAULT_NO_SUCH: nothing to attach. */
int boot_files(struct error *err);

/* end.c: detaches what was attached in the initramfs, mounted or not. */
int boot_end(struct error *err);
