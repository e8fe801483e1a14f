/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The supervisor of one attachment: attaches it, or adopts it from an earlier supervisor,
 * reports that, and keeps it up. It may be killed at any moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "attachment/adopt.h"
#include "attachment/claim.h"
#include "attachment/create.h"
#include "attachment/detach.h"
#include "attachment/device.h"
#include "attachment/state-file.h"
#include "attachment/stop-supervisor.h"
#include "cli/arguments.h"
#include "common/file.h"
#include "common/interrupt.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/process.h"
#include "common/program.h"
#include "common/timeouts.h"
#include "kernel/root-disk.h"
#include "link/link.h"
#include "link/sandbox.h"
#include "link/worker-exec.h"
#include "supervisor/private-root.h"
#include "supervisor/spawn.h"
#include "supervisor/supervise.h"
#include "wire/credentials.h"

static const char help[] =
	"nbd-attachd [OPTIONS...] URI|NAME\n"
	"\n"
	"Attach a remote disk (NBD) and keep it attached, in the foreground: for service\n"
	"managers. nbd-attach attach starts it in the background.\n"
	"\n"
	"The options are those of nbd-attach attach. A NAME is configured, or it is that of\n"
	"an attachment without a supervisor.\n"
	"\n"
	"Signals:\n"
	"  SIGTERM  Exit; the device stays attached\n"
	"  SIGINT   Detach the device and exit\n"
	"  SIGHUP   Read the credentials again and replace all links\n"
	"\n"
	"See nbd-attachd(8) for details.\n";

/* The target as it was when NAME was attached, from its state. */
static int read_target(const char *name, struct target *ret, struct error *err)
{
	_cleanup_target_ struct target t;
	struct state state;
	int r;

	target_init(&t);
	r = state_read(name, &state, &t, err);
	if (r == 0 && !t.name)
		r = target_set(&t, "name", name, err);
	if (r < 0)
		return r;
	*ret = t;
	target_init(&t);
	return 0;
}

/* A disk attached in the initramfs, which the system may run from. */
static bool is_of_initramfs(const struct arguments *a)
{
	return a->initrd && a->operand && target_name_is_valid(a->operand) &&
		claim_is_initrd(a->operand);
}

/* A name that is not configured may still have a device and its state. */
static int find_target(const struct arguments *a, struct target *ret,
	bool *ret_from_state, struct error *err)
{
	struct error this = {0};
	int r;

	*ret_from_state = is_of_initramfs(a);
	if (*ret_from_state)
		return read_target(a->operand, ret, err);
	r = arguments_target(a, ret, err);
	if (r != -ENOENT || err->fault != FAULT_NO_SUCH)
		return r;
	r = read_target(a->operand, ret, &this);
	*ret_from_state = r == 0;
	if (r == -ENOENT)
		return r; /* unknown: err names all places searched */
	*err = this;
	if (r == 0 && a->n_settings > 0)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"options go with a URI: %s keeps those that it was attached with",
			a->operand);
	return r;
}

/* Adopts the device if there is one, or creates it. */
static int attach(const struct target *t, bool from_state, struct attachment *ret,
	struct error *err)
{
	char name[NBD_NAME_MAX + 1];
	int r = attachment_check_root(err);

	if (r == 0)
		r = attachment_find_orphan(t, name, err);
	if (r == 0)
		r = attachment_adopt(name, ret, err);
	if (r == -ENOENT && from_state)
		return error_set(err, FAULT_NO_SUCH, r,
			"%s has lost its device: attach it again by its URI", t->name);
	if (r != -ENOENT)
		return r;
	r = attachment_create(t, true, ret, err);
	return r < 0 ? arguments_name_server(t, r, err) : 0;
}

/* Link workers are forked, since the program's file may be on that disk. */
static void lock_memory(void)
{
	worker_exec_disable();
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_warning("cannot lock the memory: %s", strerror(errno));
	/* memory reclaim for us must not wait for writes to that disk */
	if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
		log_debug("cannot be an I/O flusher: %s", strerror(errno));
}

/*
 * Waits until no process holds the disk. Everything needed after that is in memory
 * before, because it may be on that disk. STANDBY_DELAY lets a process that has stopped
 * the supervisor detach the disk first. -EINTR: this process is to end.
 */
static int stand_by(const struct target *t, struct error *err)
{
	struct credentials early = {0};
	struct error missing;
	pid_t holder;
	int r = 0;

	lock_memory();
	link_prepare();
	/* Warns at boot, not only when the other supervisor is gone. */
	if (credentials_read(t, &early, &missing) < 0)
		log_warning("%s", missing.text);
	credentials_done(&early);
	while (r == 0 && claim_is_held(t->name, &holder)) {
		if (holder > 0)
			r = process_wait_for_end(holder, USEC_INFINITY);
		if (r == 0)
			r = deadline_sleep(STANDBY_DELAY, USEC_INFINITY);
	}
	return r == -EINTR || r == 0
		? r
		: error_set(err, FAULT_OTHER, r, "cannot stand by for %s: %m", t->name);
}

/* Releases the caller's terminal. */
static void go_to_background(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	log_as_daemon(true);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null >= 0)
		close(null);
}

/*
 * The supervisor of the disk that the system will run from must outlive the initramfs and
 * the killing of processes at shutdown, which spares root's processes whose argv[0]
 * begins with '@'. Relays are forked, and so have that name, too.
 */
static bool is_initrd;

static void prepare_for_good(char *argv0)
{
	argv0[0] = '@';
	sandbox_keep_relays_at_shutdown();
}

/* r and err: as for spawn_report(). */
static void begin_service(int r, unsigned index, const struct error *err)
{
	struct error failure;

	if (is_initrd && private_root_enter(&failure) < 0)
		log_warning("%s", failure.text);

	/* It is small, and its loss is severe: the OOM killer should prefer others. */
	(void)file_write_attribute("/proc/self/oom_score_adj", OOM_PROTECTED);

	if (spawn_report(r, index, err)) {
		go_to_background();
	} else {
		if (r < 0)
			log_error("%s", err->text);
		printf("/dev/nbd%u\n", index);
		fflush(stdout);
		log_as_daemon(log_is_discarded());
	}
	notify_send("READY=1\nSTATUS=/dev/nbd%u is attached", index);
	sandbox_report_user();
}

static void say_ready(unsigned index)
{
	const struct error none = {0};

	begin_service(0, index, &none);
}

/* A system cannot recover from I/O errors on its own disk, so I/O waits without limit. */
static int set_initrd_defaults(struct target *t, struct error *err)
{
	static const char key[] = "reconnect-timeout=";
	bool given = false;
	int r;

	for (size_t i = 0; i < t->n_settings; i++)
		given |= strncmp(t->settings[i], key, strlen(key)) == 0;
	r = given ? 0 : target_set(t, "reconnect-timeout", "infinity", err);
	return r < 0 ? r : target_set(t, "lock-memory", NULL, err);
}

/*
 * The device did not become ready. If it is already in use, it is kept up all the same,
 * unless the service manager wants this process to end.
 */
static int give_up(struct attachment *a, const struct target *t, int r, struct error *err)
{
	bool let_go = r == SUPERVISE_LET_GO;

	if (r == SUPERVISE_GONE) {
		claim_forget_state(&a->claim);
		return error_set(err, FAULT_KERNEL, -ENODEV,
			"/dev/nbd%u was detached by another program while it was attached",
			a->state.index);
	}
	if (r >= 0)
		r = error_set(err, FAULT_OTHER, -EINTR, "interrupted");
	r = attachment_give_up(a, t, r, err);
	if (r != -EBUSY || let_go)
		return r;
	begin_service(r, a->state.index, err);
	return supervise(a, t, NULL, err);
}

/* Keeps it up until it is to end; a device that is in use is not detached. */
static int keep(struct attachment *a, const struct target *t, struct error *err)
{
	struct error used = {0};
	int r = supervise(a, t, say_ready, err);

	if (!a->state.ready)
		r = give_up(a, t, r, err);
	while (r == SUPERVISE_DETACH) {
		if (attachment_end(a, RELEASE_TIMEOUT, &used) == 0)
			break;
		log_error("%s", used.text);
		r = supervise(a, t, NULL, err);
	}
	notify_send("STOPPING=1");
	if (r == SUPERVISE_GONE) {
		log_warning("/dev/nbd%u was detached by another program", a->state.index);
		claim_forget_state(&a->claim);
	}
	return r;
}

static int run(int argc, char **argv, struct error *err)
{
	_cleanup_attachment_ struct attachment attachment = ATTACHMENT_NONE;
	_cleanup_target_ struct target t;
	struct arguments a;
	bool from_state = false;
	int r;

	target_init(&t);
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return puts("nbd-attachd " PACKAGE_VERSION) < 0 ? -errno : 0;
	r = arguments_parse(argc, argv, VERB_SUPERVISE, &a, err);
	if (r < 0)
		return r;
	if (a.help)
		return fputs(help, stdout) < 0 ? -errno : 0;
	log_setup(SUPERVISOR_PROGRAM, a.verbose);
	/* OpenRC's supervise-daemon keeps no log */
	if (log_is_discarded())
		log_as_daemon(true);
	is_initrd = a.initrd;
	r = limits_check(err);
	if (r == 0)
		r = find_target(&a, &t, &from_state, err);
	(void)!chdir("/"); /* keeps no mount busy: all paths are absolute now */
	if (r == 0 && is_initrd)
		r = from_state ? stand_by(&t, err) : set_initrd_defaults(&t, err);
	if (r == -EINTR)
		return 0; /* stopped while it stood by */
	if (r == 0 && is_initrd)
		prepare_for_good(argv[0]);
	if (r == 0)
		r = attach(&t, from_state, &attachment, err);
	if (r < 0)
		return r;
	attachment_warn(&attachment, &t);
	if (is_initrd)
		claim_mark_initrd(&attachment.claim);
	/* No page can be read from that disk while the server is away. */
	if (t.lock_memory || root_disk_is_on(attachment.state.index))
		lock_memory();
	return keep(&attachment, &t, err);
}

int main(int argc, char **argv)
{
	struct error err = {0};
	int r;

	worker_exec_init(argv);
	program_begin(SUPERVISOR_PROGRAM);
	spawn_close_inherited();
	r = run(argc, argv, &err);
	/* The process that started us prints it. */
	if (r < 0 && spawn_report(r, 0, &err))
		return (int)err.fault;
	return program_end(r, &err);
}
