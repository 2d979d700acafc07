/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values as text for people: pure functions, one a kind of value. What is not known is
 * "-". Numbers have a decimal point whatever the locale. Nothing is printed here.
 */
#pragma once

#include "model/idset.h"

/* What stands for a value that is not known. */
#define VN_FORMAT_UNKNOWN "-"

/** vn_format_rate: "1.5 GiB/s". */
char *vn_format_rate(guint64 bytes_per_second);

/**
 * vn_format_ratio:
 * @ratio: 0 to 1; NaN or negative: not known
 *
 * Returns: "99.6 %". What is less than 1 is never shown as 100.0 %, for "all" is a claim.
 */
char *vn_format_ratio(double ratio);

/** vn_format_duration: "850 ms", "12.3 s", "4 min 05 s", "2 h 03 min". */
char *vn_format_duration(double seconds);

/**
 * vn_format_ids:
 * @set: (nullable)
 *
 * Returns: list format, "0-3,8"; "-" when @set is NULL or empty.
 */
char *vn_format_ids(const VnIdSet *set);

/** vn_format_bar: @width characters, of which @ratio are "#", the others ".". */
char *vn_format_bar(double ratio, guint width);

/**
 * vn_format_escape:
 *
 * Returns: @text in valid UTF-8 and on one line: what could move a terminal's cursor,
 * change its state or turn the direction of text is shown as "\n", "\t" or "\u{1b}".
 * Names of guests come from others.
 */
char *vn_format_escape(const char *text);

/** vn_format_width: columns of a terminal that @text, valid UTF-8, takes. */
guint vn_format_width(const char *text);

/** vn_format_truncate: as much of @text, valid UTF-8, as fits into @width columns. */
char *vn_format_truncate(const char *text, guint width);
