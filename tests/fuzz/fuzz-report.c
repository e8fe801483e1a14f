/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a link worker tells its parent. The first byte is the kind of the report; the rest
 * is what follows its head, filled up to the size that it should have: with zeros, or
 * with letters if bit 7 is set. With any other first byte the rest is taken for a report
 * as it is.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/param.h>

#include "common/scope.h"
#include "export-rules.h"
#include "link/report.h"
#include "rules.h"

/* What follows the head of an export is the size of its name. */
static size_t whole_size(uint32_t kind, const uint8_t *data, size_t size)
{
	uint32_t name_size = 0;

	memcpy(&name_size, data, MIN(size, sizeof(name_size)));
	switch (kind) {
	case REPORT_EXPORT: return REPORT_EXPORT_SIZE(MIN(name_size, NBD_STRING_MAX));
	case REPORT_DONE: return sizeof(struct report_done);
	case REPORT_FAILED: return sizeof(struct report_failed);
	}
	return 0;
}

/* *ret_size bytes on the heap, the caller's. */
static union report *make_report(const uint8_t *data, size_t size, size_t *ret_size)
{
	struct report_head head = {REPORT_MAGIC, data[0] & 0x7f};
	int filling = data[0] & 0x80 ? 'x' : 0;
	size_t whole = whole_size(head.kind, data + 1, size - 1), rest;
	char *report;

	data++;
	size--;
	*ret_size = whole > 0 ? whole : size;
	if (whole == 0)
		return fuzz_copy(data, size);
	report = malloc(whole);
	assert(report);
	memset(report, filling, whole);
	memcpy(report, &head, sizeof(head));
	rest = whole - sizeof(head);
	memcpy(report + sizeof(head), data, size < rest ? size : rest);
	return (union report *)report;
}

/* A server's words: quoted where they are shown, so they need not be clean. */
static void check_words(const char *words, size_t size)
{
	size_t length = strnlen(words, size);

	assert(length < size);
	assert(is_utf8(words, length));
}

static void check_bool(const bool *value)
{
	uint8_t byte;

	memcpy(&byte, value, sizeof(byte));
	assert(byte <= 1);
}

static void check_done(const struct report_done *done)
{
	const struct server_facts *facts = &done->facts;
	const struct nbd_export *e = &facts->export;

	assert(facts->mode <= SERVER_MODE_MAX);
	check_bool(&facts->tls);
	check_bool(&facts->tls_verified);
	must_be_clean(facts->tls_version);
	must_be_clean(facts->tls_cipher);
	if (e->flags != 0)
		must_be_export(e);
	else /* a list's */
		assert(e->size == 0 && e->flags == 0 && e->preferred == 0 &&
			e->maximum == 0 && !*e->description);
}

static void check_report(const union report *report, size_t size)
{
	assert(size ==
		whole_size(report->head.kind, (const uint8_t *)&report->export.name_size,
			sizeof(uint32_t)));
	switch (report->head.kind) {
	case REPORT_DONE: check_done(&report->done); break;
	case REPORT_FAILED: must_be_told(report->failed.r, &report->failed.error); break;
	default:
		assert(report->export.name_size <= sizeof(report->export.name));
		check_words(
			report->export.description, sizeof(report->export.description));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ union report *report = NULL;
	struct error err = {0};
	int r;

	if (size == 0)
		return 0;
	report = make_report(data, size, &size);
	r = report_check(report, size, &err);
	if (r == 0) {
		check_report(report, size);
		return 0;
	}
	must_be_told(r, &err);
	assert(r == -EPROTO && err.fault == FAULT_PROTOCOL);
	return 0;
}
