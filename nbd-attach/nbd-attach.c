/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "common/interrupt.h"
#include "common/log.h"
#include "common/text.h"
#include "verbs.h"

static const struct verb {
	const char *name;
	unsigned takes;
	int (*run)(const struct arguments *a, struct error *err);
} verbs[] = {
	{"attach", TAKES_TARGET | TAKES_NO_DAEMON, verb_attach},
	{"detach", TAKES_FORCE | TAKES_ALL, verb_detach},
	{"list", TAKES_JSON, verb_list},
	{"info", TAKES_TARGET | TAKES_JSON | TAKES_LIST, verb_info},
};

static const char help[] =
	"Attach remote disks (NBD) as /dev/nbdN, over TLS that the kernel does.\n"
	"\n"
	"  nbd-attach attach --no-daemon [OPTIONS] URI   print the device when it is ready\n"
	"  nbd-attach detach [--force] NAME|DEVICE       give it back; --all: each of ours\n"
	"  nbd-attach list   [--json]                    what is attached\n"
	"  nbd-attach info   [--json] [--list] [OPTIONS] URI\n"
	"                                                ask a server, touch no device\n"
	"\n"
	"URI: nbds://[USER@]HOST[:PORT]/EXPORT (TLS or nothing), nbd://… (plaintext),\n"
	"     nbd+unix:///EXPORT?socket=PATH, nbds+unix://…, nbd+vsock://CID/EXPORT, …\n"
	"     with ?tls-certificates=DIR, tls-psk-file=FILE, tls-hostname=NAME, …\n"
	"\n"
	"Options of attach and info:\n"
	"  --tls require|prefer|off   what nbd:// means (nbds:// is always require)\n"
	"  --tls-ca FILE              whom to trust (default: the system's trust store)\n"
	"  --tls-cert, --tls-key FILE client certificate and its key\n"
	"  --tls-psk-file FILE        pre-shared key, in GnuTLS's format\n"
	"  --tls-username NAME        which key of that file\n"
	"  --tls-hostname NAME        the name in the server's certificate (default: HOST)\n"
	"  --tls-verify-peer 0|1      0: trust anybody (not advised)\n"
	"  --tls-type x509|psk|anon   how to authenticate (default: as the files say)\n"
	"  --tls-priority STRING      GnuTLS priority string\n"
	"  --connect-timeout TIME     for resolving, connecting and negotiating (30s)\n"
	"\n"
	"Options of attach:\n"
	"  --name NAME                the attachment's name (default: the export's)\n"
	"  --device /dev/nbdN         which device (default: the kernel picks)\n"
	"  --read-only                no writing, even where the server allows it\n"
	"  --connections N|auto       links to the server (1)\n"
	"  --data-path auto|kernel    who carries the data\n"
	"  --block-size BYTES         logical block size (default: what the server needs)\n"
	"  --io-timeout TIME          how long a request may take (30s)\n"
	"  --reconnect-timeout TIME   how long I/O waits for a lost server (5min)\n"
	"\n"
	"  --verbose                  tell each step\n"
	"  --help, --version\n"
	"\n"
	"Exit codes: 0 done, 1 failed, 2 usage, 3 server not reached, 4 server refused,\n"
	"            5 TLS, 6 protocol broken by the server, 7 kernel, 8 no such attachment.\n"
	"More: nbd-attach(8)\n";

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int run(int argc, char **argv, struct error *err)
{
	const struct verb *verb;
	struct arguments a;
	char quoted[64];
	int r;

	if (argc < 2)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"no verb given: attach, detach, list or info; see nbd-attach --help");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
		return fputs(help, stdout) < 0 ? -errno : 0;
	if (strcmp(argv[1], "--version") == 0)
		return puts("nbd-attach " PACKAGE_VERSION) < 0 ? -errno : 0;
	verb = find_verb(argv[1]);
	if (!verb)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s is no verb: attach, detach, list or info; see nbd-attach --help",
			text_quote(argv[1], strlen(argv[1]), quoted, sizeof(quoted)));
	r = arguments_parse(argc - 1, argv + 1, verb->takes, &a, err);
	if (r < 0)
		return r;
	if (a.help)
		return fputs(help, stdout) < 0 ? -errno : 0;
	log_setup("nbd-attach", a.verbose);
	return verb->run(&a, err);
}

/* A descriptor of ours must never be taken for stdin, stdout or stderr. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct error err = {0};
	int r;

	open_standard_streams();
	log_setup("nbd-attach", false);
	interrupt_setup();
	signal(SIGPIPE, SIG_IGN);
	r = run(argc, argv, &err);
	/* A reader that has seen enough is no failure. */
	if (r >= 0 && fflush(stdout) != 0 && errno != EPIPE)
		r = error_set(&err, FAULT_OTHER, -errno, "cannot print the result: %m");
	if (r >= 0)
		return 0;
	if (err.fault == FAULT_NONE)
		error_set(&err, FAULT_OTHER, r, "%m");
	log_error("%s", err.text);
	return (int)err.fault;
}
