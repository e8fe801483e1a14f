/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Starts read-ahead of all blocks that udev's blkid is going to read one by one, each
 * time waiting for the server: of the disk, fd, and of its partitions. The partitions
 * stay open, because a last close drops the page cache: for a child that exits soon.
 */
void read_ahead(unsigned index, int fd);
