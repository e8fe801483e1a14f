/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Has the kernel read at once, and without waiting for it, what udev's blkid is going to
 * look at one block after the other, each time waiting for the server: of the disk, which
 * fd is, and of its partitions. They stay open, or the kernel would forget what it has
 * read: for a child that ends soon.
 */
void read_ahead(unsigned index, int fd);
