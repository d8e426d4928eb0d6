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

/*
 * The metrics process, a kind of the frontend that has no peer: what it tells
 * of the service it has from the parent, anew for each request.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdint.h>

#include "kbsd.h"

/* What one process tells; the parent itself is the first. */
struct sampled {
	enum process_kind	 kind;
	uint32_t		 instance;
	char			 block[NAME_MAX_STORE];	/* its block's name */
	uint8_t			 type;		/* of its keystore */
	int			 ready;
	int			 answered;	/* now; else counters are old */
	uint32_t		 restarts;
	uint32_t		 down;		/* s: so long not ready */
	uint64_t		 start;		/* Unix seconds */
	const uint8_t		*counters;	/* borrowed from the message */
	size_t			 len;
};

struct service {
	struct sampled	*processes;
	uint32_t	 n;
};

/* metrics.c */
enum answer_page { PAGE_METRICS, PAGE_LIVE, PAGE_READY };

/*
 * Ask the parent about the service; scrape_answer() is called with this tag,
 * later.  -1: it can't be asked.
 */
int		 metrics_ask(uint64_t tag, enum answer_page);
/* The value of a counter of a process; -1: it has not told. */
int		 sampled_value(const struct sampled *, const char *name,
		    uint64_t *);
extern const struct process	 metrics_process;

/* scrape.c: who asks for it. */
struct scrape_counts {
	uint64_t	 pages[3];	/* by enum answer_page */
	uint64_t	 errors;
	uint64_t	 dropped;	/* for others */
	uint64_t	 timeouts;
};
extern struct scrape_counts	 scrape_counts;

int		 scrape_listen(int fd);
void		 scrape_start(void);
void		 scrape_stop(void);
void		 scrape_answer(uint64_t tag, const struct service *);

/*
 * metric.c: the Prometheus text format, version 0.0.4, of all that is told.
 * Only names of its own table come into it.
 */
void		 metric_write(struct wbuf *, const struct service *);
/* Text to a buffer; what is longer than a line fails it. */
void		 metric_text(struct wbuf *, const char *, ...)
		    __attribute__((format(printf, 2, 3)));

/* health.c */

/*
 * A line for each check, or only for those that fail.  service NULL: the
 * parent does not answer.  Returns whether all is well.
 */
int		 health_write(struct wbuf *, const struct service *,
		    enum answer_page, int verbose);
/* What health_write() would say, as metrics. */
void		 health_metrics(struct wbuf *, const struct service *);

#endif
