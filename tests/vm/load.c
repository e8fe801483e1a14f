/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * load DEVICE SECONDS [OPTIONS]: reads and writes on a block device for so long (0: until
 * a signal comes). Each of --depth threads has a part of it for itself. In turn it writes
 * a block and reads back one that it wrote before, past the page cache; the content tells
 * the block's place and how often it was written (--reads: once, then it only reads). It
 * prints the first errors and mismatches, and the first success after 0.25 s without one:
 *	gap=SECONDS at=TIME
 * At the end, or when SIGUSR1 comes, it prints how long an operation took at most, too:
 *	ops=N errors=N mismatches=N longest=SECONDS stalls=NUMBER-OF-GAPS
 * SIGTERM and SIGINT end it early, but what hangs in the kernel is waited for, however
 * long. Then it has the device flushed and writes the ledger.
 *
 * load --check LEDGER IMAGE: compares the server's file with the ledger, each byte. What
 * was never written has to be zeros; where a write failed, the old and the new are right.
 *
 * Exit code: 0, or 1 after an error or a mismatch, or 2 for wrong usage.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define USEC_PER_SEC 1000000
#define GAP_USEC     250000
#define REST_USEC    50000 /* after an error: the device may fail at once each time */
#define ALIGNMENT    4096
#define BLOCK_MAX    (1 << 20)
#define DEPTH_MAX    256
#define PRINT_MAX    20

typedef unsigned long long u64;

/* Which generations a block may be of: more than one only after failed writes. */
struct block {
	unsigned low, high;
};

struct worker {
	pthread_t thread;
	u64 first, n; /* its blocks */
	unsigned char *buffer;
};

static const char *device, *ledger;
static int fd = -1;
static u64 size, block_size = 65536, seed;
static unsigned seconds, depth = 1, pause_msec;
static bool reads_only;
static struct block *blocks;
static struct worker workers[DEPTH_MAX];

static atomic_bool finish;
static atomic_ullong ops, errors, mismatches, stalls, longest, last_success, n_complaints;

static bool may_complain(void)
{
	return atomic_fetch_add(&n_complaints, 1) < PRINT_MAX;
}

static u64 usec(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (u64)now.tv_sec * USEC_PER_SEC + (u64)now.tv_nsec / 1000;
}

static u64 mix(u64 x)
{
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
	x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
	return x ^ (x >> 33);
}

/* Eight bytes of content, made of their place and the generation; 0 is zeros. */
static u64 word_at(u64 place, unsigned generation)
{
	if (generation == 0)
		return 0;
	return mix(place + generation * 0x9e3779b97f4a7c15ULL + seed);
}

static void fill(unsigned char *data, u64 place, unsigned generation)
{
	for (size_t i = 0; i < block_size; i += sizeof(u64)) {
		u64 word = word_at(place + i, generation);

		memcpy(data + i, &word, sizeof(word));
	}
}

/* n: how many bytes there are, which may be less. */
static bool word_fits(const unsigned char *data, size_t n, u64 place, struct block block)
{
	for (u64 g = block.low; g <= block.high; g++) {
		u64 word = word_at(place, (unsigned)g);

		if (memcmp(data, &word, n < sizeof(word) ? n : sizeof(word)) == 0)
			return true;
	}
	return false;
}

/* Does a block, or the n bytes that are left of it, hold what it should? */
static void verify(const unsigned char *data, size_t n, u64 place, struct block block,
	const char *where)
{
	size_t i = 0;
	unsigned g = 0;

	while (i < n && word_fits(data + i, n - i, place + i, block))
		i += sizeof(u64);
	if (i >= n)
		return;
	mismatches++;
	while (g < block.high &&
		!word_fits(data + i, n - i, place + i, (struct block){g, g}))
		g++;
	if (may_complain())
		printf("mismatch: %s at %llu: not generation %u%s but %s %u\n", where,
			place + i, block.low, block.low == block.high ? "" : " or later",
			g < block.high ? "generation" : "something else; it is not below",
			g);
}

/* ---- the load ---- */

static void count_success(u64 start)
{
	u64 end = usec(CLOCK_MONOTONIC), last = atomic_exchange(&last_success, end);
	u64 record = longest;

	ops++;
	while (end - start > record)
		if (atomic_compare_exchange_weak(&longest, &record, end - start))
			break;
	if (end > last + GAP_USEC) {
		stalls++;
		printf("gap=%.6f at=%.6f\n", (double)(end - last) / USEC_PER_SEC,
			(double)usec(CLOCK_REALTIME) / USEC_PER_SEC);
	}
}

static void count_error(const char *what, u64 place, ssize_t n)
{
	errors++;
	if (may_complain())
		printf("error: %s at %llu: %s\n", what, place,
			n < 0 ? strerror(errno) : "not all of it");
	usleep(REST_USEC);
}

static bool transfer(struct worker *w, u64 place, bool writing)
{
	u64 start = usec(CLOCK_MONOTONIC);
	ssize_t n = writing ? pwrite(fd, w->buffer, block_size, (off_t)place)
			    : pread(fd, w->buffer, block_size, (off_t)place);

	if (n == (ssize_t)block_size)
		count_success(start);
	else
		count_error(writing ? "write" : "read", place, n);
	return n == (ssize_t)block_size;
}

/* A write that fails may have done its work all the same. */
static void write_block(struct worker *w, u64 index)
{
	struct block *b = &blocks[index];

	fill(w->buffer, index * block_size, ++b->high);
	if (transfer(w, index * block_size, true))
		b->low = b->high;
}

static void read_block(struct worker *w, u64 index)
{
	if (transfer(w, index * block_size, false))
		verify(w->buffer, block_size, index * block_size, blocks[index], device);
}

static void *work(void *userdata)
{
	struct worker *w = userdata;
	u64 random = w->first;

	for (u64 n = 0; !finish; n++) {
		if (!reads_only || n < w->n)
			write_block(w, w->first + n % w->n);
		random = mix(random + n + 1);
		read_block(w, w->first + random % (n < w->n ? n + 1 : w->n));
		if (pause_msec > 0)
			usleep(pause_msec * 1000);
	}
	return NULL;
}

static void print_summary(void)
{
	printf("ops=%llu errors=%llu mismatches=%llu longest=%.6f stalls=%llu\n", ops,
		errors, mismatches, (double)longest / USEC_PER_SEC, stalls);
}

static void start_workers(void)
{
	u64 share = size / block_size / depth;

	last_success = usec(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < depth; i++) {
		struct worker *w = &workers[i];

		*w = (struct worker){.first = i * share, .n = share};
		if (posix_memalign((void **)&w->buffer, ALIGNMENT, block_size) != 0 ||
			pthread_create(&w->thread, NULL, work, w) != 0)
			errx(2, "cannot start thread %u", i);
	}
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file)
		err(2, "%s", path);
	return file;
}

static void write_ledger(void)
{
	FILE *file = open_file(ledger, "we");

	fprintf(file, "load block %llu size %llu seed %llu\n", block_size, size, seed);
	for (u64 i = 0; i < size / block_size; i++)
		if (blocks[i].high > 0)
			fprintf(file, "%llu %u %u\n", i, blocks[i].low, blocks[i].high);
	if (fclose(file) != 0)
		err(2, "%s", ledger);
}

static void run_load(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGALRM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* for the threads, too */
	start_workers();
	alarm(seconds);
	while (sigwaitinfo(&signals, NULL) == SIGUSR1)
		print_summary();
	finish = true;
	for (unsigned i = 0; i < depth; i++)
		pthread_join(workers[i].thread, NULL);
	if (fdatasync(fd) < 0)
		count_error("flush", 0, -1);
	if (ledger)
		write_ledger();
	print_summary();
}

/* ---- the check ---- */

static void read_ledger(void)
{
	FILE *file = open_file(ledger, "re");
	struct block b;
	u64 i;

	if (fscanf(file, "load block %llu size %llu seed %llu", &block_size, &size,
		    &seed) != 3 ||
		block_size == 0 || block_size > BLOCK_MAX)
		errx(2, "%s is no ledger", ledger);
	blocks = calloc(size / block_size + 1, sizeof(*blocks));
	if (!blocks)
		errx(2, "no memory");
	while (fscanf(file, "%llu %u %u", &i, &b.low, &b.high) == 3 &&
		i < size / block_size)
		blocks[i] = b;
	fclose(file);
}

static void check_image(const char *image)
{
	static unsigned char data[BLOCK_MAX];
	FILE *file = open_file(image, "re");
	u64 place = 0, n_written = 0;

	for (size_t n; (n = fread(data, 1, block_size, file)) > 0; place += n) {
		struct block b =
			place < size ? blocks[place / block_size] : (struct block){0};

		n_written += b.high > 0;
		verify(data, n, place, b, image);
	}
	if (ferror(file) || place < size)
		errx(1, "%s: only %llu bytes can be read", image, place);
	printf("checked=%llu written=%llu mismatches=%llu\n", place, n_written,
		mismatches);
	fclose(file);
}

/* ---- arguments ---- */

static u64 number(const char *text)
{
	char *end;
	u64 value = strtoull(text, &end, 10);

	if (*end == 'K' || *end == 'M')
		value <<= *end++ == 'K' ? 10 : 20;
	if (*text < '0' || *text > '9' || *end)
		errx(2, "'%s' is no number", text);
	return value;
}

static void open_device(void)
{
	u64 whole;

	fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		err(2, "%s", device);
	whole = (u64)lseek(fd, 0, SEEK_END);
	if (block_size == 0 || block_size > BLOCK_MAX || block_size % ALIGNMENT != 0)
		errx(2, "--block must be a multiple of %d, up to %d", ALIGNMENT,
			BLOCK_MAX);
	if (size == 0)
		size = whole / block_size * block_size;
	if (size % block_size != 0 || size > whole)
		errx(2, "--size must be a multiple of --block, up to %llu", whole);
	if (depth == 0 || depth > DEPTH_MAX || size / block_size < depth)
		errx(2, "--depth must be 1 to %d, and there must be a block for each",
			DEPTH_MAX);
	blocks = calloc(size / block_size, sizeof(*blocks));
	if (!blocks)
		errx(2, "no memory");
}

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"depth", required_argument, NULL, 'd'},
		{"block", required_argument, NULL, 'b'},
		{"size", required_argument, NULL, 's'},
		{"reads", no_argument, NULL, 'r'},
		{"pause", required_argument, NULL, 'p'},
		{"ledger", required_argument, NULL, 'l'},
		{"check", required_argument, NULL, 'c'},
		{0},
	};
	bool check = false;

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
		switch (c) {
		case 'd': depth = (unsigned)number(optarg); break;
		case 'b': block_size = number(optarg); break;
		case 's': size = number(optarg); break;
		case 'r': reads_only = true; break;
		case 'p': pause_msec = (unsigned)number(optarg); break;
		case 'l': ledger = optarg; break;
		case 'c': check = true, ledger = optarg; break;
		default: exit(2);
		}
	if (argc - optind != (check ? 1 : 2))
		errx(2,
			"usage: load DEVICE SECONDS [--depth N] [--block BYTES] [--size BYTES] "
			"[--reads] [--pause MSEC] [--ledger FILE] | --check LEDGER IMAGE");
	device = argv[optind];
	if (!check)
		seconds = (unsigned)number(argv[optind + 1]);
	return check;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse(argc, argv)) {
		read_ledger();
		check_image(device);
	} else {
		seed = usec(CLOCK_REALTIME);
		open_device();
		run_load();
	}
	return errors > 0 || mismatches > 0 ? 1 : 0;
}
