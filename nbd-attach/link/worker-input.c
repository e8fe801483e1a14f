/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/sandbox.h"
#include "link/worker-input.h"

#define SETTINGS_MAX 256

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

struct head {
	enum worker_task task;
	enum entry entry;
	bool connected;
	struct sandbox_user user;
	bool verbose;
	usec_t deadline;
	uint64_t n_settings;
};

/* ---- packing: each piece with its size, and a NUL after it ---- */

static bool put(FILE *file, const void *data, uint64_t size)
{
	return fwrite(&size, sizeof(size), 1, file) == 1 &&
		(size == 0 || fwrite(data, size, 1, file) == 1) && putc(0, file) != EOF;
}

static bool put_text(FILE *file, const char *text)
{
	return put(file, text, text ? strlen(text) : 0);
}

static bool put_blob(FILE *file, const struct blob *blob)
{
	return put(file, blob->data, blob->size);
}

static bool put_credentials(FILE *file, const struct credentials *c)
{
	return put_blob(file, &c->ca) && put_blob(file, &c->distrusted) &&
		put_blob(file, &c->cert) && put_blob(file, &c->key) &&
		put_text(file, c->psk_username) && put_blob(file, &c->psk_key);
}

static bool put_order(FILE *file, const struct worker_order *order)
{
	static const struct credentials none;
	const struct target *t = order->target;
	const struct head head = {.task = order->task,
		.entry = order->entry,
		.connected = order->connected,
		.user = sandbox_user(),
		.verbose = order->log >= 0,
		.deadline = order->deadline,
		.n_settings = t->n_settings};
	bool good = put(file, &head, sizeof(head)) && put_text(file, t->uri) &&
		put_text(file, t->directory);

	for (size_t i = 0; good && i < t->n_settings; i++)
		good = put_text(file, t->settings[i]);
	return good && put_blob(file, sandbox_compile(worker_use(order->task))) &&
		put_credentials(file, order->credentials ? order->credentials : &none);
}

/* Not executable, as the sysctl vm.memfd_noexec may require. */
static int new_file(void)
{
	int fd = memfd_create("nbd-attach", MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create("nbd-attach", 0) : fd;
}

int worker_input_pack(const struct worker_order *order)
{
	_cleanup_close_ int fd = new_file();
	int copy = fd < 0 ? -1 : dup(fd);
	FILE *file = copy < 0 ? NULL : fdopen(copy, "w");
	bool good;

	if (!file)
		return -errno;
	/* unbuffered: no copy of a key is left behind */
	setvbuf(file, NULL, _IONBF, 0);
	good = put_order(file, order);
	if (fclose(file) != 0 || !good)
		return -EIO;
	return TAKE_FD(fd);
}

/* ---- unpacking ---- */

struct pieces {
	char *at;
	size_t left;
};

static char *take(struct pieces *from, uint64_t *ret_size)
{
	uint64_t size;
	char *piece;

	if (from->left < sizeof(size) + 1)
		return NULL;
	memcpy(&size, from->at, sizeof(size));
	if (size > from->left - sizeof(size) - 1)
		return NULL;
	piece = from->at + sizeof(size);
	from->at = piece + size + 1;
	from->left -= sizeof(size) + size + 1;
	*ret_size = size;
	return piece;
}

static const char *take_text(struct pieces *from)
{
	uint64_t size;

	return take(from, &size);
}

static int take_blob(struct pieces *from, struct blob *ret)
{
	uint64_t size;
	const char *piece = take(from, &size);

	if (!piece)
		return -EBADMSG;
	if (size == 0)
		return 0;
	ret->data = calloc(1, size + 1);
	if (!ret->data)
		return -ENOMEM;
	memcpy(ret->data, piece, size);
	ret->size = size;
	return 0;
}

static int take_credentials(struct pieces *from, struct credentials *ret)
{
	struct blob user = {0};
	int r = take_blob(from, &ret->ca);

	if (r == 0)
		r = take_blob(from, &ret->distrusted);
	if (r == 0)
		r = take_blob(from, &ret->cert);
	if (r == 0)
		r = take_blob(from, &ret->key);
	if (r == 0)
		r = take_blob(from, &user);
	ret->psk_username = user.data;
	return r == 0 ? take_blob(from, &ret->psk_key) : r;
}

static int take_order(struct pieces *from, struct worker_order *ret,
	struct target *target, struct credentials *credentials)
{
	uint64_t size = 0;
	const char *settings[SETTINGS_MAX], *head_bytes = take(from, &size);
	const char *uri = take_text(from), *directory = take_text(from);
	struct blob program = {0};
	struct error ignored;
	struct head head;
	int r;

	if (!head_bytes || size != sizeof(head) || !directory)
		return -EBADMSG;
	memcpy(&head, head_bytes, sizeof(head));
	if (head.n_settings > SETTINGS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < head.n_settings; i++) {
		settings[i] = take_text(from);
		if (!settings[i])
			return -EBADMSG;
	}
	r = take_blob(from, &program);
	if (r == 0)
		r = target_replay(
			target, uri, directory, settings, head.n_settings, &ignored);
	if (r == 0)
		r = take_credentials(from, credentials);
	if (r == 0)
		sandbox_set_program(worker_use(head.task), &program);
	else
		blob_done(&program);
	sandbox_set_user(head.user);
	*ret = (struct worker_order){.task = head.task,
		.target = target,
		.credentials = credentials,
		.entry = head.entry,
		.connected = head.connected,
		.deadline = head.deadline,
		.report = ORDER_REPORT,
		.near = ORDER_NEAR,
		.connector = ORDER_CONNECTOR,
		.log = head.verbose ? ORDER_LOG : -1};
	return r;
}

int worker_input_unpack(int fd, struct worker_order *ret, struct target *target,
	struct credentials *credentials)
{
	struct pieces pieces;
	struct stat st;
	char *bytes;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	pieces = (struct pieces){.at = bytes, .left = (size_t)st.st_size};
	r = take_order(&pieces, ret, target, credentials);
	explicit_bzero(bytes, (size_t)st.st_size);
	munmap(bytes, (size_t)st.st_size);
	return r;
}
