/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/human.h"
#include "common/scope.h"

const char *human_bytes(uint64_t bytes, char out[HUMAN_SIZE])
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t unit = 0;

	while (value >= 1024 && unit < ELEMENTSOF(units) - 1) {
		value /= 1024;
		unit++;
	}
	snprintf(out, HUMAN_SIZE, "%.1f %s", value, units[unit]);
	return out;
}

const char *human_span(usec_t span, char out[HUMAN_SIZE])
{
	static const struct {
		usec_t usec;
		const char *name;
	} units[] = {
		{86400 * USEC_PER_SEC, "d"},
		{3600 * USEC_PER_SEC, "h"},
		{60 * USEC_PER_SEC, "min"},
		{USEC_PER_SEC, "s"},
		{USEC_PER_MSEC, "ms"},
		{1, "us"},
	};
	size_t i = 0;
	int size;

	if (span == USEC_INFINITY)
		return strcpy(out, "infinity");
	if (span == 0)
		return strcpy(out, "0s");
	while (span < units[i].usec)
		i++;
	size = snprintf(
		out, HUMAN_SIZE, "%" PRIu64 "%s", span / units[i].usec, units[i].name);
	span %= units[i].usec;
	if (++i < ELEMENTSOF(units) && span >= units[i].usec)
		snprintf(out + size, HUMAN_SIZE - (size_t)size, " %" PRIu64 "%s",
			span / units[i].usec, units[i].name);
	return out;
}

const char *human_age(int64_t seconds, char out[HUMAN_SIZE])
{
	int64_t now = time(NULL);

	/* The clock may have been set since, in either direction. */
	if (seconds < 0 || seconds > now)
		seconds = now;
	return human_span((usec_t)(now - seconds) * USEC_PER_SEC, out);
}

const char *human_local(int64_t seconds, char out[HUMAN_SIZE])
{
	time_t time = seconds;
	struct tm tm;
	size_t size;

	if (!localtime_r(&time, &tm))
		return strcpy(out, "?");
	size = strftime(out, HUMAN_SIZE - 1, "%Y-%m-%dT%H:%M:%S%z", &tm);
	if (size < 5)
		return strcpy(out, "?");
	/* strftime(3) writes +0100 for +01:00. */
	memmove(out + size - 1, out + size - 2, 3);
	out[size - 2] = ':';
	return out;
}

/* Whole seconds and the rest, which is not negative even before 1970. */
static time_t split(int64_t usec, int *ret_rest)
{
	const int64_t second = (int64_t)USEC_PER_SEC;
	int64_t rest = usec % second;

	*ret_rest = (int)(rest < 0 ? rest + second : rest);
	return usec / second - (rest < 0);
}

const char *human_clock(int64_t usec, char out[HUMAN_SIZE])
{
	int rest;
	time_t time = split(usec, &rest);
	struct tm tm;

	if (!localtime_r(&time, &tm) || strftime(out, HUMAN_SIZE, "%H:%M:%S", &tm) == 0)
		return strcpy(out, "?");
	return out;
}

const char *human_utc(int64_t usec, char out[HUMAN_SIZE])
{
	int rest;
	time_t time = split(usec, &rest);
	struct tm tm;
	size_t size;

	if (!gmtime_r(&time, &tm))
		return strcpy(out, "?");
	size = strftime(out, HUMAN_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	if (size == 0)
		return strcpy(out, "?");
	snprintf(out + size, HUMAN_SIZE - size, ".%06dZ", rest);
	return out;
}
