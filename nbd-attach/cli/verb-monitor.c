/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prints events as they happen. Each change replaces the whole state file, which
 * inotify(7) reports; the events' numbers show which are new. An inotify event only
 * causes the file to be read, so nothing is lost when several changes are reported as
 * one, or when a watch is set a little late.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>

#include "attachment/claim.h"
#include "attachment/state-file.h"
#include "cli/human.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "common/log.h"
#include "common/text.h"

#define PARENT_DIRECTORY "/run" /* of STATE_DIRECTORY */
#define WATCH_PARENT     (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define WATCH_ROOT       (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define WATCH_NAME       (IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)

/* A name that is attached, or was. */
struct watched {
	char name[NBD_NAME_MAX + 1];
	int watch;     /* of its directory; -1: none */
	bool changed;  /* its state is to be read */
	bool attached; /* it was ready */
	bool silent;   /* the events that its state holds now are not new */
	bool broken;   /* its state cannot be read, which was reported */
	uint64_t last; /* the event printed last … */
	int64_t time;  /* … and its time */
};

struct monitor {
	const char *only; /* NULL: all names */
	bool json;
	bool begun; /* a name found from now on is new */
	int inotify;
	int parent, root; /* watches of /run and /run/nbd-attach; -1: none */
	struct watched *names;
	size_t n_names;
};

static void monitor_done(struct monitor *m)
{
	closep(&m->inotify);
	free(m->names);
}

/* ---- printing ---- */

static int print_event(const struct monitor *m, const char *name, bool name_link,
	const struct state_event *event)
{
	_cleanup_json_ json_object *o = NULL;
	char clock[HUMAN_SIZE];
	int r = 0;

	if (m->json) {
		o = json_object_new_object();
		json_add_text(o, "name", name);
		view_add_event(event, o);
		r = json_print_line(o);
	} else {
		printf("%s %s ", human_clock(event->time, clock), name);
		if (name_link && event->link >= 0)
			printf("link %d: ", event->link);
		puts(event->text);
	}
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	return r;
}

/* An event that is in no state file. */
static int print_own(const struct monitor *m, const char *name, const char *kind,
	const char *format, ...) _printf_(4, 5);

static int print_own(const struct monitor *m, const char *name, const char *kind,
	const char *format, ...)
{
	struct state_event event = {.link = -1};
	struct timespec now;
	va_list args;

	clock_gettime(CLOCK_REALTIME, &now);
	event.time = (int64_t)now.tv_sec * (int64_t)USEC_PER_SEC + now.tv_nsec / 1000;
	snprintf(event.kind, sizeof(event.kind), "%s", kind);
	va_start(args, format);
	vsnprintf(event.text, sizeof(event.text), format, args);
	va_end(args);
	return print_event(m, name, false, &event);
}

static int tell_detached(const struct monitor *m, struct watched *w)
{
	int r = w->attached ? print_own(m, w->name, "detached", "detached") : 0;

	w->attached = w->silent = w->broken = false;
	w->last = 0;
	return r;
}

static int tell_events(
	const struct monitor *m, const struct watched *w, const struct state *state)
{
	uint64_t next = w->last + 1, missed = 0;
	const struct state_event *event;
	int r = 0;

	if (state->n_events >= next + STATE_EVENTS_MAX)
		missed = state->n_events + 1 - STATE_EVENTS_MAX - next;
	if (missed > 0)
		r = print_own(m, w->name, "missed", "%" PRIu64 " event%s missed", missed,
			missed == 1 ? " was" : "s were");
	for (next += missed; r == 0 && (event = state_event(state, next)); next++)
		r = print_event(m, w->name, state->n_links > 1, event);
	return r;
}

/* Whether the state is that of another attachment of the same name. */
static bool is_another(const struct watched *w, const struct state *state)
{
	const struct state_event *event = state_event(state, w->last);

	return state->n_events < w->last || (event && event->time != w->time);
}

static void remember(struct watched *w, const struct state *state)
{
	const struct state_event *event = state_event(state, state->n_events);

	w->attached = state->ready;
	w->silent = w->broken = false;
	w->last = state->n_events;
	w->time = event ? event->time : 0;
}

static int check(const struct monitor *m, struct watched *w)
{
	struct state state;
	struct error err;
	int r = state_read(w->name, &state, NULL, &err);

	w->changed = false;
	if (r == -ENOENT)
		return tell_detached(m, w);
	if (r < 0) {
		if (!w->broken)
			log_warning("%s", err.text);
		w->silent = w->broken = true;
		return 0;
	}
	r = !w->silent && is_another(w, &state) ? tell_detached(m, w) : 0;
	if (r == 0 && !w->silent)
		r = tell_events(m, w, &state);
	remember(w, &state);
	return r;
}

static int check_changed(const struct monitor *m)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n_names; i++)
		if (m->names[i].changed)
			r = check(m, &m->names[i]);
	return r;
}

/* ---- watching ---- */

static struct watched *find_name(const struct monitor *m, const char *name)
{
	for (size_t i = 0; i < m->n_names; i++)
		if (strcmp(m->names[i].name, name) == 0)
			return &m->names[i];
	return NULL;
}

static struct watched *add_name(struct monitor *m, const char *name)
{
	struct watched *grown = reallocarray(m->names, m->n_names + 1, sizeof(*m->names));

	if (!grown)
		return NULL;
	m->names = grown;
	grown = &m->names[m->n_names++];
	*grown = (struct watched){.watch = -1, .silent = !m->begun};
	snprintf(grown->name, sizeof(grown->name), "%s", name);
	return grown;
}

/* A name has appeared, or appeared again. Also called by claim_each(). */
static int watch_name(const char *name, void *userdata)
{
	char path[sizeof(STATE_DIRECTORY) + NBD_NAME_MAX + 1];
	struct monitor *m = userdata;
	struct watched *w;

	if (!target_name_is_valid(name) || (m->only && strcmp(name, m->only) != 0))
		return 0;
	w = find_name(m, name);
	if (!w)
		w = add_name(m, name);
	if (!w)
		return -ENOMEM;
	snprintf(path, sizeof(path), STATE_DIRECTORY "/%s", name);
	w->watch = inotify_add_watch(m->inotify, path, WATCH_NAME);
	w->changed = true;
	return w->watch < 0 && errno != ENOENT && errno != ENOTDIR ? -errno : 0;
}

/* 1: /run/nbd-attach is watched; 0: it does not exist yet. */
static int try_root(struct monitor *m)
{
	m->root = inotify_add_watch(m->inotify, STATE_DIRECTORY, WATCH_ROOT);
	if (m->root < 0)
		return errno == ENOENT ? 0 : -errno;
	if (m->parent >= 0)
		inotify_rm_watch(m->inotify, m->parent);
	m->parent = -1;
	return 1;
}

/* Watches /run until /run/nbd-attach exists. */
static int watch_root(struct monitor *m)
{
	int r = try_root(m);

	if (r == 0) {
		m->parent = inotify_add_watch(m->inotify, PARENT_DIRECTORY, WATCH_PARENT);
		if (m->parent < 0)
			return -errno;
		r = try_root(m); /* it may have appeared just before */
	}
	return r > 0 ? claim_each(watch_name, m) : r;
}

/* The queue has overflowed: anything may have changed. */
static int watch_all_anew(struct monitor *m)
{
	for (size_t i = 0; i < m->n_names; i++)
		m->names[i].changed = true;
	return watch_root(m);
}

static int take(struct monitor *m, const struct inotify_event *event)
{
	const char *name = event->len > 0 ? event->name : "";

	if (event->mask & IN_Q_OVERFLOW)
		return watch_all_anew(m);
	if (event->wd == m->root)
		return event->mask & IN_IGNORED ? watch_root(m) : watch_name(name, m);
	if (event->wd == m->parent)
		return watch_root(m);
	for (size_t i = 0; i < m->n_names; i++) {
		struct watched *w = &m->names[i];

		if (w->watch != event->wd)
			continue;
		w->changed = true;
		if (event->mask & IN_IGNORED)
			w->watch = -1;
	}
	return 0;
}

static int take_all(struct monitor *m)
{
	_Alignas(struct inotify_event) char buffer[16 * 1024];
	ssize_t size;
	int r = 0;

	while (r == 0 && (size = read(m->inotify, buffer, sizeof(buffer))) > 0)
		for (ssize_t at = 0; r == 0 && at < size;) {
			const struct inotify_event *event =
				(const struct inotify_event *)(buffer + at);

			at += (ssize_t)(sizeof(*event) + event->len);
			r = take(m, event);
		}
	return r;
}

/* Runs until a signal comes (-EINTR) or the reader is gone (-EPIPE). */
static int monitor_run(struct monitor *m)
{
	struct pollfd fds[] = {
		{.fd = m->inotify, .events = POLLIN},
		{.fd = STDOUT_FILENO},
	};
	int r = watch_root(m);

	if (r == 0)
		r = check_changed(m);
	m->begun = true;
	while (r == 0) {
		r = deadline_poll(fds, ELEMENTSOF(fds), USEC_INFINITY);
		if (r < 0)
			return r;
		if (fds[1].revents)
			return -EPIPE;
		r = take_all(m);
		if (r == 0)
			r = check_changed(m);
	}
	return r;
}

int verb_monitor(const struct arguments *a, struct error *err)
{
	_cleanup_(monitor_done) struct monitor m = {.only = a->operand,
		.json = a->json,
		.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
		.parent = -1,
		.root = -1};
	char quoted[128];
	int r;

	if (m.only && !target_name_is_valid(m.only))
		return error_set(err, FAULT_USAGE, -EINVAL,
			"%s is not a valid name of an attachment",
			text_quote(m.only, strlen(m.only), quoted, sizeof(quoted)));
	r = m.inotify < 0 ? -errno : monitor_run(&m);
	if (r == -EINTR || r == -EPIPE)
		return 0;
	return error_set(err, FAULT_OTHER, r, "cannot continue: %m");
}
