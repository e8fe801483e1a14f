/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "session/attachment.h"
#include "verbs.h"

/* The first failure is the one that is reported; the others are tried all the same. */
static int detach_all(bool force, struct error *err)
{
	_cleanup_free_ struct sysfs_device *list = NULL;
	size_t n = 0;
	int result = 0, r = sysfs_list(&list, &n);

	if (r < 0)
		return error_set(err, FAULT_KERNEL, r, "cannot list the nbd devices: %m");
	for (size_t i = 0; i < n; i++) {
		const char *name = attachment_name(&list[i]);
		struct error this = {0};

		r = name ? attachment_remove(name, force, &this) : 0;
		if (r < 0 && result < 0)
			log_error("%s", this.text);
		if (r < 0 && result == 0) {
			result = r;
			*err = this;
		}
	}
	return result;
}

static int detach_device(unsigned index, bool force, struct error *err)
{
	struct sysfs_device device;
	const char *name;
	int r = sysfs_read(index, &device);

	if (r < 0 || !device.configured)
		return error_set(
			err, FAULT_NO_SUCH, -ENOENT, "/dev/nbd%u is not attached", index);
	name = attachment_name(&device);
	if (!name)
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"/dev/nbd%u was attached by another program: let that one detach it",
			index);
	return attachment_remove(name, force, err);
}

int verb_detach(const struct arguments *a, struct error *err)
{
	char quoted[128];
	unsigned index;

	if (a->all && !a->operand)
		return detach_all(a->force, err);
	if (a->all || !a->operand)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"detach takes a name, a device, or --all");
	if (target_parse_device(a->operand, &index) == 0)
		return detach_device(index, a->force, err);
	if (!target_name_is_valid(a->operand))
		return error_set(err, FAULT_NO_SUCH, -ENOENT,
			"there is no attachment called %s",
			text_quote(
				a->operand, strlen(a->operand), quoted, sizeof(quoted)));
	return attachment_remove(a->operand, a->force, err);
}
