/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads a block of the disk from the server through each hardware queue. The driver has
 * one for each of its links, as far as there are CPUs for them, and the CPU that issues a
 * request determines its queue. A queue whose CPUs this process may not use is skipped;
 * errors of reading are ignored.
 *
 * Only in a child: it sleeps uninterruptibly until the server replies, with the disk
 * open.
 */
void hardware_queues_read(unsigned index);
