/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stddef.h>

#include <netlink/errno.h>
#include <netlink/netlink.h>

#include "common/scope.h"
#include "kernel/netlink-error.h"

/* Not from a failed system call: the kernel's reply, or libnl's own checks. */
static const struct {
	int code, error;
} table[] = {
	{NLE_INTR, EINTR},
	{NLE_BAD_SOCK, EBADF},
	{NLE_NOMEM, ENOMEM},
	{NLE_EXIST, EEXIST},
	{NLE_INVAL, EINVAL},
	{NLE_RANGE, ERANGE},
	{NLE_MSGSIZE, EMSGSIZE},
	{NLE_OPNOTSUPP, EOPNOTSUPP},
	{NLE_AF_NOSUPPORT, EAFNOSUPPORT},
	{NLE_OBJ_NOTFOUND, ENOENT},
	{NLE_NOADDR, EADDRNOTAVAIL},
	{NLE_BUSY, EBUSY},
	{NLE_PROTO_MISMATCH, EPROTONOSUPPORT},
	{NLE_NOACCESS, EACCES},
	{NLE_PERM, EPERM},
	{NLE_NODEV, ENODEV},
	{NLE_FAILURE, EIO},
};

int netlink_error(int code, int system)
{
	if (code == -NLE_AGAIN)
		return -EPROTO; /* the queue is empty: there was no reply */
	if (system != 0 && nl_syserr2nlerr(system) == -code)
		return -system;
	for (size_t i = 0; i < ELEMENTSOF(table); i++)
		if (table[i].code == -code)
			return -table[i].error;
	return -EPROTO;
}
