/*
 * Copyright (c) 2026 The kbsd authors
 *
 * Permission to use, copy, modify, and distribute this software for any
 * purpose with or without fee is hereby granted, provided that the above
 * copyright notice and this permission notice appear in all copies.
 *
 * THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
 * WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
 * MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
 * ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
 * WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
 * ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
 * OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
 */

/* What metric.c writes by. */
#ifndef METRIC_H
#define METRIC_H

#include "metrics.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

struct metric {
	const char	*name;		/* NULL: the one of the row before */
	enum metric_type type;
	const char	*help;
	unsigned int	 kinds;		/* a mask: whose counter */
	/*
	 * The counter's name; of a histogram what they begin with.  In "NAME *"
	 * the rest is a label's value.  In parentheses: what the parent tells
	 * of a process.
	 */
	const char	*counter;
	const char	*label;		/* NULL; NAME="value"; for *: NAME */
};

extern const struct metric	 metric_table[];
extern const size_t		 nmetrics;

#endif
