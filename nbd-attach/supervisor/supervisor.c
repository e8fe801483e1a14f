/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>

#include "common/log.h"
#include "supervisor/supervisor.h"

bool supervisor_all_up(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->a->state.n_links; i++)
		if (!connection_is_up(&s->conns[i]))
			return false;
	return true;
}

void supervisor_tell(
	struct supervisor *s, int link, const char *kind, const char *format, ...)
{
	char text[STATE_EVENT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	state_add_event(&s->a->state, link, kind, "%s", text);
	s->changed = true;
	if (!s->a->state.ready)
		return; /* whoever attaches it only wants the result */
	if (s->a->state.n_links > 1 && link >= 0)
		log_notice("%s: link %d: %s", s->a->claim.name, link, text);
	else
		log_notice("%s: %s", s->a->claim.name, text);
}

void supervisor_warn(struct supervisor *s, const char *kind, const char *format, ...)
{
	char text[STATE_EVENT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	state_add_event(&s->a->state, -1, kind, "%s", text);
	s->changed = true;
	log_warning("%s: %s", s->a->claim.name, text);
}
