/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads a block of the disk from the server by way of each hardware queue. The driver has
 * one for each of its links, as far as there are processors for them, and which one a
 * request takes is up to the processor that it comes from. A queue whose processors this
 * process may not use is left out; what cannot be read is not told.
 *
 * For a child: it waits for the server, beyond the reach of signals, and has the disk
 * open meanwhile.
 */
void hardware_queues_read(unsigned index);
