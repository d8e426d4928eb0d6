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
 * What kbsctl asks of the keystores: each kms is asked, and the table goes
 * back when all have answered, or when their time is over.
 */

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"
#include "timer.h"

#define WAIT_MS		(DEADLINE_KEYSTORE_MS + 5000)
#define QUESTIONS_MAX	64

struct question {
	TAILQ_ENTRY(question)	 entry;
	uint64_t		 tag;		/* ours */
	uint64_t		 theirs;	/* control's */
	struct child		*control;
	struct set		*set;
	unsigned int		 left;
	struct event		*timer;
	struct row {
		int		 there;
		int		 ok;
		char		 state[REASON_TEXT_MAX];
		uint32_t	 us;
		uint64_t	 failed;
		uint64_t	 ends;
	}			 rows[KEYSTORES_MAX];
};

static TAILQ_HEAD(, question)	 questions =
				    TAILQ_HEAD_INITIALIZER(questions);
static unsigned int		 nquestions;
static uint64_t			 tags;

static const char *const	 types[KEYSTORE_TYPE_MAX] = {
	[KEYSTORE_LOCAL] = "local",
	[KEYSTORE_VAULT] = "vault",
	[KEYSTORE_KMIP] = "kmip",
	[KEYSTORE_PKCS11] = "pkcs11",
	[KEYSTORE_TOKEN] = "pkcs11",
};

/* Sets and their processes come and go meanwhile. */
static int
is_there(const struct question *q)
{
	const struct set	*set;
	const struct child	*c;

	TAILQ_FOREACH(set, &sets, entry)
		if (set == q->set)
			TAILQ_FOREACH(c, &set->children, entry)
				if (c == q->control)
					return (c->state == CHILD_READY);
	return (0);
}

static void
put_number(struct wbuf *w, uint64_t n)
{
	char	 text[32];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	wb_str(w, text);
}

static void
put_row(struct wbuf *w, const struct keystore *k, const struct row *row)
{
	wb_str(w, k->name);
	wb_str(w, types[k->type]);
	wb_str(w, row->ok ? "yes" : "no");
	wb_str(w, row->there ? row->state : "its process does not answer");
	put_number(w, row->us);
	put_number(w, row->failed);
	put_number(w, row->ends);
}

static void
question_end(struct question *q)
{
	static const char *const	 names[] = { "keystore", "type", "ok",
					    "state", "latency_us", "errors",
					    "credential_seconds" };
	const struct keystore		*k;
	struct wbuf			 w = { 0 }, cells = { 0 };
	uint32_t			 n = 0;

	if (is_there(q)) {
		wb_u64(&w, q->theirs);
		wb_u8(&w, 1);
		wb_str(&w, "");
		TAILQ_FOREACH(k, &q->set->conf->keystores, entry)
			put_row(&cells, k, &q->rows[n++]);
		command_table(&w, names, sizeof(names) / sizeof(names[0]), n,
		    &cells);
		(void)child_send(q->control, IMSG_CONTROL_REPLY, &w);
	}
	TAILQ_REMOVE(&questions, q, entry);
	nquestions--;
	event_free(q->timer);
	free(q);
}

static void
question_timeout(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	question_end(arg);
}

static void
question_send(struct question *q, int active)
{
	struct child	*c;
	struct wbuf	 w = { 0 };

	TAILQ_FOREACH(c, &q->set->children, entry) {
		if (c->kind != PROC_KMS || c->state != CHILD_READY ||
		    c->instance >= KEYSTORES_MAX)
			continue;
		wb_u64(&w, q->tag);
		wb_u8(&w, (uint8_t)active);
		if (child_send(c, IMSG_KMS_CHECK, &w) == 0)
			q->left++;
	}
}

int
keystores_ask(struct child *control, uint64_t tag, int active)
{
	struct question	*q;

	if (nquestions == QUESTIONS_MAX ||
	    (q = calloc(1, sizeof(*q))) == NULL)
		return (-1);
	q->tag = ++tags;
	q->theirs = tag;
	q->control = control;
	q->set = control->set;
	q->timer = timer_new(question_timeout, q);
	TAILQ_INSERT_TAIL(&questions, q, entry);
	nquestions++;
	question_send(q, active);
	timer_set(q->timer, q->left > 0 ? WAIT_MS : 0);
	return (0);
}

int
keystores_answer(struct edge *edge, struct rbuf *r)
{
	const struct child	*c = edge->data;
	struct question		*q;
	struct row		 row = { .there = 1 };
	uint64_t		 tag = rb_u64(r);

	row.ok = rb_bool(r);
	rb_str(r, row.state, sizeof(row.state));
	row.us = rb_u32(r);
	row.failed = rb_u64(r);
	row.ends = rb_u64(r);
	if (rb_end(r) == -1)
		return (-1);
	TAILQ_FOREACH(q, &questions, entry)
		if (q->tag == tag && q->set == c->set)
			break;
	/* It took its time, or its place is another one's now. */
	if (q == NULL || q->rows[c->instance].there)
		return (0);
	q->rows[c->instance] = row;
	if (--q->left == 0)
		question_end(q);
	return (0);
}
