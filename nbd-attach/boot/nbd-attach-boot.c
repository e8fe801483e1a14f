/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by dracut's module and initramfs-tools' scripts: finds the disks to be attached
 * before the root file system is mounted, and starts a supervisor for each.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "attachment/attachment.h"
#include "attachment/state.h"
#include "boot/boot.h"
#include "boot/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/program.h"
#include "common/text.h"
#include "supervisor/spawn.h"
#include "target/boot-plan.h"
#include "target/config.h"

#define CMDLINE          "/proc/cmdline"
#define CMDLINE_SIZE_MAX ((size_t)64 * 1024)

static const char help[] =
	"nbd-attach-boot COMMAND\n"
	"\n"
	"Attach the disks that a system boots from: for the scripts of an initramfs.\n"
	"\n"
	"Commands:\n"
	"  plan                  Print what is to be attached, as variables for a shell;\n"
	"                        fail if there is nothing\n"
	"  attach                Try once to attach what is not attached yet\n"
	"  end                   Disconnect everything for good\n"
	"  files                 List what an initramfs image must contain\n"
	"\n"
	"Environment:\n"
	"  ROOTPATH, ROOTSERVER  What a DHCP server has sent\n"
	"  NBDROOT               initramfs-tools' nbdroot=\n"
	"  NBD_ATTACH_CMDLINE    Replaces the kernel command line\n"
	"\n"
	"See nbd-attach-initrd(7) for details.\n";

static int add_config(const char *name, void *userdata)
{
	_cleanup_config_ struct config c = {0};
	struct boot_plan *plan = userdata;
	struct boot_disk *disk;
	struct error err = {0};
	int r;

	for (size_t i = 0; i < plan->n_disks; i++)
		if (strcmp(plan->disks[i].name, name) == 0)
			return 0;
	r = config_read("", name, &c, &err);
	if (r == 0 && c.initrd)
		r = boot_plan_add(plan, name, strlen(name), &disk, &err);
	if (r < 0)
		log_error("%s", err.text);
	return 0;
}

/* stat(2) gives no size for a file in /proc: it is read until its end. */
static int read_cmdline(char text[CMDLINE_SIZE_MAX], struct error *err)
{
	const char *given = getenv("NBD_ATTACH_CMDLINE"); /* dracut's, of several files */
	_cleanup_close_ int fd = open(CMDLINE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	size_t size = 0;

	while (!given && n > 0 && size < CMDLINE_SIZE_MAX) {
		n = read(fd, text + size, CMDLINE_SIZE_MAX - size);
		size += n > 0 ? (size_t)n : 0;
	}
	if (given)
		size = strnlen(given, CMDLINE_SIZE_MAX);
	else if (n < 0)
		return error_set(err, FAULT_OTHER, -errno, "cannot read " CMDLINE ": %m");
	/* a truncated word could name another disk */
	if (size == CMDLINE_SIZE_MAX)
		return error_set(err, FAULT_OTHER, -EFBIG, CMDLINE " is too long");
	if (given)
		memcpy(text, given, size);
	text[size] = 0;
	return 0;
}

/* A name without a URI needs its configuration file. */
static int check_names(const struct boot_plan *plan, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_disks; i++) {
		_cleanup_config_ struct config c = {0};

		if (!plan->disks[i].uri)
			r = config_read("", plan->disks[i].name, &c, err);
		if (r < 0)
			error_prefix(err, r, "nbd.attach=%s", plan->disks[i].name);
	}
	/* FAULT_NO_SUCH would say that there is nothing to attach */
	if (r < 0 && err->fault == FAULT_NO_SUCH)
		err->fault = FAULT_USAGE;
	return r;
}

/* The command line first: a disk in it overrides the file of the same name. */
static int read_plan(struct boot_plan *plan, struct error *err)
{
	const struct boot_hints hints = {.root_path = getenv("ROOTPATH"),
		.root_server = getenv("ROOTSERVER"),
		.nbdroot = getenv("NBDROOT")};
	static char text[CMDLINE_SIZE_MAX];
	int r = read_cmdline(text, err);

	if (r < 0)
		return r;
	r = boot_plan_read(text, &hints, plan, err);
	if (r == 0)
		r = check_names(plan, err);
	return r < 0 ? r : config_list("", add_config, plan);
}

static bool is_empty(const struct boot_plan *plan)
{
	return plan->n_disks == 0 && !plan->ask_dhcp;
}

/* ---- attaching ---- */

static bool told; /* the failure is on the console already */

static char **make_arguments(const struct boot_disk *disk)
{
	_cleanup_(spawn_argv_freep) char **argv =
		calloc(disk->n_options + 5, sizeof(*argv));
	size_t n = 1;

	if (!argv || !(argv[n++] = strdup("--initrd")))
		return NULL;
	for (size_t i = 0; i < disk->n_options; i++, n++)
		if (asprintf(&argv[n], "--%s", disk->options[i]) < 0) {
			argv[n] = NULL;
			return NULL;
		}
	if (disk->uri && asprintf(&argv[n++], "--name=%s", disk->name) < 0) {
		argv[n - 1] = NULL;
		return NULL;
	}
	argv[n] = strdup(disk->uri ? disk->uri : disk->name);
	return argv[n] ? TAKE_PTR(argv) : NULL;
}

/* Each second the same message would hide all others on the console. */
static bool is_news(const char *name, const char *text)
{
	_cleanup_close_ int folder = -1;
	_cleanup_blob_ struct blob last = {0};
	char path[sizeof(STATE_DIRECTORY) + NBD_NAME_MAX + 16];

	snprintf(path, sizeof(path), STATE_DIRECTORY "/.said-%s", name);
	if (file_read(path, ERROR_TEXT_SIZE, false, &last) == 0 &&
		strcmp(last.data, text) == 0)
		return false;
	(void)mkdir(STATE_DIRECTORY, 0755);
	folder = open(STATE_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0)
		(void)file_write_atomic(
			folder, strrchr(path, '/') + 1, text, strlen(text));
	return true;
}

/* As in nbd-attach@.service: systemd's credential nbd-attach.NAME.psk is our "psk". */
static void pass_credentials(const char *name)
{
	char prefix[sizeof("nbd-attach..") + NBD_NAME_MAX];

	if (access(BOOT_CREDENTIALS, F_OK) < 0)
		return;
	snprintf(prefix, sizeof(prefix), "nbd-attach.%s.", name);
	setenv("CREDENTIALS_DIRECTORY", BOOT_CREDENTIALS, true);
	setenv("NBD_ATTACH_CREDENTIAL_PREFIX", prefix, true);
}

static int attach_one(const struct boot_disk *disk, struct error *err)
{
	_cleanup_(spawn_argv_freep) char **argv = make_arguments(disk);
	unsigned index;
	int r;

	if (attachment_is_supervised(disk->name))
		return 0;
	pass_credentials(disk->name);
	r = argv ? spawn_supervisor(argv, USEC_INFINITY, &index, err) : error_memory(err);
	if (r == 0)
		log_notice("%s is attached as /dev/nbd%u", disk->name, index);
	else if (is_news(disk->name, err->text))
		log_error("cannot attach %s: %s", disk->name, err->text);
	return r;
}

static int attach(const struct boot_plan *plan, struct error *err)
{
	static const char no_word[] = "no DHCP server has sent a root-path yet";
	int result = 0;

	boot_clock_floor();
	if (plan->ask_dhcp && is_news(BOOT_LEGACY_NAME, no_word))
		log_warning("%s", no_word);
	for (size_t i = 0; i < plan->n_disks; i++) {
		struct error this = {0};
		int r = attach_one(&plan->disks[i], &this);

		if (r < 0 && result == 0) {
			result = r;
			*err = this;
		}
	}
	told = true;
	return plan->ask_dhcp && result == 0
		? error_set(err, FAULT_OTHER, -EAGAIN, "%s", no_word)
		: result;
}

static int run_plan(bool print, struct error *err)
{
	_cleanup_boot_plan_ struct boot_plan plan = {0};
	int r = read_plan(&plan, err);

	if (r < 0)
		return r;
	if (is_empty(&plan))
		return print ? error_set(err, FAULT_NO_SUCH, -ENOENT, "nothing to attach")
			     : 0;
	if (!print)
		return attach(&plan, err);
	boot_plan_print(&plan, stdout);
	return 0;
}

static int run(const char *verb, struct error *err)
{
	char quoted[64];

	if (strcmp(verb, "plan") == 0)
		return run_plan(true, err);
	if (strcmp(verb, "attach") == 0)
		return run_plan(false, err);
	if (strcmp(verb, "end") == 0)
		return boot_end(err);
	if (strcmp(verb, "files") == 0)
		return boot_files(err);
	if (strcmp(verb, "--help") == 0)
		return fputs(help, stdout) < 0 ? -errno : 0;
	return error_set(err, FAULT_USAGE, -EINVAL,
		"unknown command %s: see nbd-attach-boot --help",
		text_quote(verb, strlen(verb), quoted, sizeof(quoted)));
}

int main(int argc, char **argv)
{
	struct error err = {0};
	int r;

	program_begin("nbd-attach-boot");
	r = argc == 2 ? run(argv[1], &err)
		      : error_set(&err, FAULT_USAGE, -EINVAL,
				"expected one command: see nbd-attach-boot --help");
	/* attach_one() has logged new failures; nothing to attach is not a failure */
	if (r < 0 && (told || err.fault == FAULT_NO_SUCH))
		return (int)err.fault;
	/* initramfs-tools runs this each second */
	if (r < 0 && argc == 2 && strcmp(argv[1], "plan") == 0 &&
		!is_news(argv[1], err.text))
		return (int)err.fault;
	return program_end(r, &err);
}
