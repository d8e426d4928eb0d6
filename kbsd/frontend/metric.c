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

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "log.h"
#include "metric.h"
#include "version.h"

#define NAME_LONGEST	128
#define LINE_LONGEST	512
#define SAMPLES_MAX	65536

static const char *const	 types[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
	[METRIC_HISTOGRAM] = "histogram",
};

static const char *const	 keystore_types[KEYSTORE_TYPE_MAX] = {
	[KEYSTORE_LOCAL] = "local",
	[KEYSTORE_VAULT] = "vault",
	[KEYSTORE_KMIP] = "kmip",
	[KEYSTORE_PKCS11] = "pkcs11",
	[KEYSTORE_TOKEN] = "pkcs11",
};

/* One line, or those of one histogram. */
struct sample {
	size_t			 row;
	const struct sampled	*of;
	char			 value[NAME_MAX_STORE];	/* of a label */
	uint64_t		 n;
	struct histogram	*durations;	/* NULL: it is n */
};

struct samples {
	const struct service *service;
	struct sample	*all;
	size_t		 n, room;
	int		 failed;
};

void
metric_text(struct wbuf *w, const char *fmt, ...)
{
	char	 line[LINE_LONGEST];
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		w->failed = 1;
	else
		wb_raw(w, line, (size_t)n);
}

/* --- from counters ------------------------------------------------------ */

/* Nobody's line comes twice, whatever a process tells. */
static struct sample *
sample_find(struct samples *s, size_t row, const struct sampled *of,
    const char *value)
{
	size_t	 i;

	/* Those of one process come together, and these are few. */
	for (i = s->n; i > 0 && s->all[i - 1].of == of; i--)
		if (s->all[i - 1].row == row &&
		    strcmp(s->all[i - 1].value, value) == 0)
			return (&s->all[i - 1]);
	return (NULL);
}

static struct sample *
sample_new(struct samples *s, size_t row, const struct sampled *of,
    const char *value)
{
	struct sample	*all;
	size_t		 room = s->room == 0 ? 256 : s->room * 2;

	if (s->n == s->room) {
		if (room > SAMPLES_MAX || (all = recallocarray(s->all,
		    s->room, room, sizeof(*all))) == NULL) {
			s->failed = 1;
			return (NULL);
		}
		s->all = all;
		s->room = room;
	}
	all = &s->all[s->n++];
	all->row = row;
	all->of = of;
	(void)strlcpy(all->value, value, sizeof(all->value));
	return (all);
}

static void
sample_number(struct samples *s, size_t row, const struct sampled *of,
    const char *value, uint64_t n)
{
	struct sample	*new;

	if (sample_find(s, row, of, value) == NULL &&
	    (new = sample_new(s, row, of, value)) != NULL)
		new->n = n;
}

static void
sample_duration(struct samples *s, size_t row, const struct sampled *of,
    const char *what, uint64_t n)
{
	struct histogram	 probe;
	struct sample		*h;

	if (histogram_take(&probe, what, n) == -1)
		return;
	if ((h = sample_find(s, row, of, "")) == NULL &&
	    (h = sample_new(s, row, of, "")) == NULL)
		return;
	if (h->durations == NULL && (h->durations = calloc(1,
	    sizeof(*h->durations))) == NULL) {
		s->failed = 1;
		return;
	}
	(void)histogram_take(h->durations, what, n);
}

/* Does the name begin with that of the row, and a space? */
static const char *
behind(const char *name, const char *begin, size_t len)
{
	if (strncmp(name, begin, len) != 0 || name[len] != ' ')
		return (NULL);
	return (name + len + 1);
}

/* Of a limit or of a block: no process makes up another one. */
static int
is_known(const struct service *service, const char *value)
{
	uint32_t	 i;

	for (i = 0; i < LIMIT_MAX; i++)
		if (strcmp(limit_table[i].name, value) == 0)
			return (1);
	for (i = 0; i < service->n; i++)
		if (value[0] != '\0' &&
		    strcmp(service->processes[i].block, value) == 0)
			return (1);
	return (0);
}

static int
sample_take(struct samples *s, size_t row, const struct sampled *of,
    const char *name, uint64_t n)
{
	const struct metric	*m = &metric_table[row];
	const char		*rest;
	size_t			 len = strlen(m->counter);

	if ((m->kinds & 1U << of->kind) == 0)
		return (0);
	if (m->type == METRIC_HISTOGRAM && m->name != NULL) {
		if ((rest = behind(name, m->counter, len)) == NULL)
			return (0);
		sample_duration(s, row, of, rest, n);
		return (1);
	}
	if (len > 2 && strcmp(m->counter + len - 2, " *") == 0) {
		rest = behind(name, m->counter, len - 2);
		if (rest == NULL || !is_known(s->service, rest))
			return (0);
		sample_number(s, row, of, rest, n);
		return (1);
	}
	if (strcmp(name, m->counter) != 0)
		return (0);
	sample_number(s, row, of, "", n);
	return (1);
}

static void
sample_name(struct samples *s, const struct sampled *of, const char *name,
    uint64_t n)
{
	size_t	 row;

	for (row = 0; row < nmetrics; row++)
		if (sample_take(s, row, of, name, n))
			return;
}

static void
samples_of(struct samples *s, const struct sampled *of)
{
	struct rbuf	 r;
	char		 name[NAME_LONGEST];
	uint64_t	 n;

	sample_name(s, of, "(up)", of->ready && of->answered);
	sample_name(s, of, "(restarts)", of->restarts);
	sample_name(s, of, "(start)", of->start);
	/* What it told an age ago is not told as if it were now. */
	if (!of->answered)
		return;
	rb_init(&r, of->counters, of->len);
	while (r.left > 0) {
		rb_str(&r, name, sizeof(name));
		n = rb_u64(&r);
		if (r.failed)
			return;
		/* In parentheses only the parent speaks. */
		if (name[0] != '(')
			sample_name(s, of, name, n);
	}
}

/* --- to text ------------------------------------------------------------ */

static void __attribute__((format(printf, 2, 3)))
label_add(char text[LINE_LONGEST], const char *fmt, ...)
{
	size_t	 len = strlen(text);
	va_list	 ap;

	if (len > 0)
		text[len++] = ',';
	va_start(ap, fmt);
	(void)vsnprintf(text + len, LINE_LONGEST - len, fmt, ap);
	va_end(ap);
}

/* The name and all labels; le: a bound, or NULL.  They are short: they fit. */
static void
put_series(struct wbuf *w, const char *name, const char *suffix,
    const struct sample *s, const char *le)
{
	const struct metric	*m = &metric_table[s->row];
	const struct sampled	*of = s->of;
	char			 labels[LINE_LONGEST] = "";

	if (of->kind != PROC_PARENT)
		label_add(labels, "process=\"%s\",number=\"%u\"",
		    process_name(of->kind), of->instance);
	if (of->block[0] != '\0')
		label_add(labels, "block=\"%s\"", of->block);
	if (m->label != NULL && s->value[0] != '\0')
		label_add(labels, "%s=\"%s\"", m->label, s->value);
	else if (m->label != NULL)
		label_add(labels, "%s", m->label);
	if (le != NULL)
		label_add(labels, "le=\"%s\"", le);
	metric_text(w, "%s%s", name, suffix);
	if (labels[0] != '\0')
		metric_text(w, "{%s}", labels);
}

static void
put_duration(struct wbuf *w, const char *name, const struct sample *s)
{
	const struct histogram	*h = s->durations;
	char			 le[32];
	uint64_t		 n = 0;
	unsigned int		 i;

	for (i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		n += h->counts[i];
		(void)strlcpy(le, "+Inf", sizeof(le));
		if (i < HISTOGRAM_BOUNDS)
			(void)snprintf(le, sizeof(le), "%g",
			    histogram_bounds[i] / 1e6);
		put_series(w, name, "_bucket", s, le);
		metric_text(w, " %llu\n", (unsigned long long)n);
	}
	put_series(w, name, "_sum", s, NULL);
	metric_text(w, " %llu.%06llu\n",
	    (unsigned long long)(h->sum / 1000000),
	    (unsigned long long)(h->sum % 1000000));
	put_series(w, name, "_count", s, NULL);
	metric_text(w, " %llu\n", (unsigned long long)n);
}

static void
put_sample(struct wbuf *w, const struct metric *m, const struct sample *s)
{
	if (s->durations != NULL) {
		put_duration(w, m->name, s);
		return;
	}
	put_series(w, m->name, "", s, NULL);
	metric_text(w, " %llu\n", (unsigned long long)s->n);
}

static void
put_samples(struct wbuf *w, const struct samples *s)
{
	const struct metric	*m, *first = NULL;
	size_t			 row, i;
	int			 told = 0;

	for (row = 0; row < nmetrics; row++) {
		m = &metric_table[row];
		if (m->name != NULL) {
			first = m;
			told = 0;
		}
		for (i = 0; i < s->n; i++) {
			if (s->all[i].row != row)
				continue;
			if (!told++)
				metric_text(w, "# HELP %s %s\n# TYPE %s %s\n",
				    first->name, first->help, first->name,
				    types[first->type]);
			put_sample(w, first, &s->all[i]);
		}
	}
}

/* What is no number. */
static void
put_info(struct wbuf *w, const struct service *service)
{
	const struct sampled	*s;
	uint32_t		 i;
	int			 told = 0;

	metric_text(w, "# HELP kbsd_build_info Which kbsd this is.\n"
	    "# TYPE kbsd_build_info gauge\n"
	    "kbsd_build_info{version=\"%s\",commit=\"%s\"} 1\n", KBSD_VERSION,
	    KBSD_GITHASH);
	for (i = 0; i < service->n; i++) {
		s = &service->processes[i];
		if (s->kind != PROC_KMS || s->type >= KEYSTORE_TYPE_MAX)
			continue;
		if (!told++)
			metric_text(w, "# HELP kbsd_keystore_info Which "
			    "kind of keystore a kms serves.\n"
			    "# TYPE kbsd_keystore_info gauge\n");
		metric_text(w, "kbsd_keystore_info{process=\"kms\","
		    "number=\"%u\",block=\"%s\",type=\"%s\"} 1\n",
		    s->instance, s->block, keystore_types[s->type]);
	}
}

void
metric_write(struct wbuf *w, const struct service *service)
{
	struct samples	 s = { .service = service };
	uint32_t	 i;
	size_t		 k;

	for (i = 0; i < service->n; i++)
		samples_of(&s, &service->processes[i]);
	put_info(w, service);
	health_metrics(w, service);
	put_samples(w, &s);
	if (s.failed) {
		log_warnx("more metrics than there is room for");
		w->failed = 1;
	}
	for (k = 0; k < s.n; k++)
		free(s.all[k].durations);
	free(s.all);
}
