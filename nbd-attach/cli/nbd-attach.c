/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "cli/verbs.h"
#include "common/log.h"
#include "common/program.h"
#include "common/text.h"
#include "link/worker-exec.h"

static const struct verb {
	const char *name;
	unsigned takes;
	int (*run)(const struct arguments *a, struct error *err);
} verbs[] = {
	{"attach", TAKES_TARGET | TAKES_NO_DAEMON | TAKES_FOREGROUND, verb_attach},
	{"detach", TAKES_FORCE | TAKES_ALL, verb_detach},
	{"list", TAKES_JSON, verb_list},
	{"status", TAKES_JSON, verb_status},
	{"monitor", TAKES_JSON, verb_monitor},
	{"check", 0, verb_check},
	{"info", TAKES_TARGET | TAKES_JSON | TAKES_LIST, verb_info},
};

#define VERBS "attach, detach, list, status, monitor, check or info"

static const char help[] =
	"Attach remote disks (NBD) as /dev/nbdN, over TLS that the kernel does.\n"
	"\n"
	"  nbd-attach attach  [OPTIONS] URI|NAME       print the device when it is ready;\n"
	"                                              NAME: what /etc/nbd-attach/NAME.conf\n"
	"                                              says, or nbd-client's /etc/nbdtab\n"
	"  nbd-attach detach  [--force] NAME|DEVICE    give it back; --all: each of ours\n"
	"  nbd-attach list    [--json]                 what is attached\n"
	"  nbd-attach status  [--json] NAME|DEVICE     all that is known of one of them\n"
	"  nbd-attach monitor [--json] [NAME]          one line for each event from now on,\n"
	"                                              also of a NAME that is yet to come\n"
	"  nbd-attach check   [NAME]                   are the files of /etc/nbd-attach valid?\n"
	"  nbd-attach info    [--json] [--list] [OPTIONS] URI|NAME\n"
	"                                              ask a server, touch no device\n"
	"\n"
	"What is attached is supervised: a lost link is made anew, and I/O waits for it.\n"
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
	"  --tls-ignore-not-before    for a clock that is behind: take a certificate that is\n"
	"                             not valid yet\n"
	"  --tls-type x509|psk|anon   how to authenticate (default: as the files say)\n"
	"  --tls-priority STRING      GnuTLS priority string\n"
	"  --connect-timeout TIME     for resolving, connecting and negotiating (30s)\n"
	"\n"
	"Options of attach:\n"
	"  --name NAME                the attachment's name (default: the export's)\n"
	"  --device /dev/nbdN         which device (default: the kernel picks)\n"
	"  --read-only                no writing, even where the server allows it\n"
	"  --exclusive                not if another attachment has the export already\n"
	"  --connections N|auto       links to the server (1)\n"
	"  --data-path auto|kernel|relay\n"
	"                             who carries the data: the kernel, and a process for\n"
	"                             each link only where it cannot (auto); or always one\n"
	"                             of the two\n"
	"  --block-size BYTES         logical block size (default: what the server needs)\n"
	"  --io-timeout TIME          how long a server may say nothing (30s)\n"
	"  --reconnect-timeout TIME   how long I/O waits for a lost server (5min)\n"
	"  --lock-memory              keep the supervisor in memory: for a root disk\n"
	"  --foreground               supervise in the foreground: for service managers\n"
	"  --no-daemon                do not supervise: a lost link stays lost\n"
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
			"no verb given: " VERBS "; see nbd-attach --help");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
		return fputs(help, stdout) < 0 ? -errno : 0;
	if (strcmp(argv[1], "--version") == 0)
		return puts("nbd-attach " PACKAGE_VERSION) < 0 ? -errno : 0;
	verb = find_verb(argv[1]);
	if (!verb)
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s is no verb: " VERBS "; see nbd-attach --help",
			text_quote(argv[1], strlen(argv[1]), quoted, sizeof(quoted)));
	r = arguments_parse(argc - 1, argv + 1, verb->takes, &a, err);
	if (r < 0)
		return r;
	if (a.help)
		return fputs(help, stdout) < 0 ? -errno : 0;
	log_setup("nbd-attach", a.verbose);
	return verb->run(&a, err);
}

int main(int argc, char **argv)
{
	struct error err = {0};

	worker_exec_begin(argv);
	program_begin("nbd-attach");
	return program_end(run(argc, argv, &err), &err);
}
