/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "boot/boot.h"
#include "boot/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/parse.h"

#define RTC "/sys/class/rtc/rtc0/since_epoch"

/* The seconds since 1970 in a file; 0: none. */
static time_t read_seconds(const char *path)
{
	_cleanup_blob_ struct blob text = {0};
	uint64_t seconds;

	if (file_read(path, 64, false, &text) < 0)
		return 0;
	text.data[strcspn(text.data, "\n")] = 0;
	return parse_u64(text.data, 0, INT32_MAX * UINT64_C(8), &seconds) == 0
		? (time_t)seconds
		: 0;
}

void boot_clock_floor(void)
{
	time_t built = read_seconds(BOOT_STAMP), rtc = read_seconds(RTC);
	struct timespec now, floor = {.tv_sec = rtc >= built ? rtc : built};
	char was[32], is[32];
	struct tm tm;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0 || now.tv_sec >= built)
		return;
	strftime(was, sizeof(was), "%Y-%m-%d", gmtime_r(&now.tv_sec, &tm));
	strftime(is, sizeof(is), "%Y-%m-%d %H:%M", gmtime_r(&floor.tv_sec, &tm));
	if (clock_settime(CLOCK_REALTIME, &floor) < 0)
		log_warning(
			"the clock says %s and cannot be set: %s", was, strerror(errno));
	else
		log_warning(
			"the clock said %s, before this image was made: set to %s UTC, %s; "
			"certificates are checked against that",
			was, is, rtc >= built ? "from the hardware" : "when it was made");
}
