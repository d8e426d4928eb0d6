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
 * What verifiers get of a fetcher, which is the real program: included by
 * tests, which start it and ask.
 */
#ifndef PLAY_H
#define PLAY_H

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbsd.h"
#include "peer.h"

#define WAIT_MS		25000

/* The body is malloc'd, with a NUL behind it. */
struct got {
	uint64_t	 tag;
	uint8_t		 result;
	uint16_t	 status;
	char		 why[REASON_TEXT_MAX];
	uint8_t		*body;
	size_t		 len;
	uint64_t	 fetched;
	int		 ms;
};

static uint64_t	 next_tag;

static struct peer *
verifier(struct child *c, uint32_t instance)
{
	/* The end of the test closes them: nothing that is lost. */
	static struct peer	*all[64];
	static unsigned int	 n;

	ATF_REQUIRE(n < sizeof(all) / sizeof(all[0]));
	return (all[n++] = child_edge(c, PROC_VERIFIER, instance, 0));
}

/* It tells its parent of the first message that it has worked on. */
static void
worked(struct child *c)
{
	struct rbuf	 r;

	peer_recv(child_parent(c), IMSG_PARENT_WORKED, &r, 5000);
}

static void
got_recv(struct peer *v, struct got *g)
{
	struct rbuf	 r;
	const uint8_t	*p;
	uint64_t	 begun = now_ms();

	peer_recv(v, IMSG_VERIFIER_GOT, &r, WAIT_MS);
	g->ms = (int)(now_ms() - begun);
	g->tag = rb_u64(&r);
	g->result = rb_enum(&r, GOT_MAX - 1);
	g->status = rb_u16(&r);
	rb_str(&r, g->why, sizeof(g->why));
	p = rb_bytes(&r, &g->len, 0, 1 << 20);
	g->fetched = rb_u64(&r);
	ATF_REQUIRE(rb_end(&r) == 0);
	ATF_REQUIRE((g->body = malloc(g->len + 1)) != NULL);
	if (g->len > 0)
		memcpy(g->body, p, g->len);
	g->body[g->len] = '\0';
	fprintf(stderr, "got %d, status %u, %zu bytes in %d ms: %s\n",
	    g->result, g->status, g->len, g->ms, g->why);
}

#define TEST(name, text)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", text);				\
	atf_tc_set_md_var(tc, "require.progs", "python3 curl");		\
	atf_tc_set_md_var(tc, "timeout", "120");			\
}									\
ATF_TC_BODY(name, tc)

#endif
