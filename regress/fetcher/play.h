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
 * What verifiers ask of a fetcher, which is the real program, and get: included
 * by tests, which start it.
 */
#ifndef PLAY_H
#define PLAY_H

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsd.h"
#include "peer.h"
#include "standin.h"

#define WAIT_MS		25000

struct asking {
	uint8_t			 what;
	int			 ms;		/* deadline; 0: 20 s */
	int			 refresh;
	const char		*url;
	uint8_t			 tees;
	const char		*id;		/* policy id */
	const struct evidence	*evidence;	/* or, if NULL: */
	const void		*body;
	size_t			 len;
};

/* The body is malloc'd, with a NUL behind it. */
struct got {
	uint64_t	 tag;
	uint8_t		 result;
	uint16_t	 status;
	char		 why[REASON_TEXT_MAX];
	uint8_t		*body;
	size_t		 len;
	uint64_t	 fetched;
	int		 ms;		/* since the last ask_send() */
};

static uint64_t	 next_tag;
static uint64_t	 asked_ms;

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
static __attribute__((unused)) void
worked(struct child *c)
{
	struct rbuf	 r;

	peer_recv(child_parent(c), IMSG_PARENT_WORKED, &r, AGES);
}

/* Another instance has read it before. */
static void
give_ca(struct child *c, const char *path)
{
	int	 fd;

	ATF_REQUIRE((fd = open(path, O_RDONLY)) != -1);
	ATF_REQUIRE(lseek(fd, 0, SEEK_END) > 0);
	child_descriptor(c, FD_CA, fd);
}

static uint64_t
ask_send(struct peer *v, const struct asking *a)
{
	struct wbuf	 w = { 0 }, e = { 0 };

	asked_ms = now_ms();
	wb_u64(&w, ++next_tag);
	wb_u8(&w, a->what);
	wb_u64(&w, asked_ms + (uint64_t)(a->ms != 0 ? a->ms : 20000));
	wb_u8(&w, (uint8_t)a->refresh);
	wb_str(&w, a->url);
	wb_u8(&w, a->tees);
	wb_u32(&w, a->id != NULL);
	if (a->id != NULL)
		wb_str(&w, a->id);
	if (a->evidence != NULL)
		wb_evidence(&e, a->evidence);
	else if (a->len > 0)
		wb_raw(&e, a->body, a->len);
	wb_bytes(&w, e.data, e.len);
	wb_free(&e);
	peer_send(v, IMSG_FETCHER_GET, &w);
	return (next_tag);
}

static void
got_recv(struct peer *v, struct got *g)
{
	struct rbuf	 r;
	const uint8_t	*p;

	peer_recv(v, IMSG_VERIFIER_GOT, &r, WAIT_MS);
	g->ms = (int)(now_ms() - asked_ms);
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

/* What comes next in a body is this file, byte for byte. */
static __attribute__((unused)) void
same_file(struct rbuf *r, const char *path)
{
	const uint8_t	*p;
	const char	*data;
	size_t		 len, n;

	p = rb_bytes(r, &n, 1, 1 << 20);
	ATF_REQUIRE(!r->failed);
	data = slurp(path, &len);
	ATF_CHECK_MSG(len == n && memcmp(data, p, n) == 0,
	    "%s is another", path);
}

/* What was got becomes free. */
#define EXPECT(g, r, s, text) do {					\
	struct got	 got_ = (g);					\
	ATF_CHECK_EQ_MSG((r), got_.result, "%d: %s", got_.result,	\
	    got_.why);							\
	ATF_CHECK_EQ_MSG((s), got_.status, "%u", got_.status);		\
	ATF_CHECK_MSG(strstr(got_.why, (text)) != NULL, "why: %s",	\
	    got_.why);							\
	free(got_.body);						\
} while (0)

/* A member of what a stand-in has said of itself; -1: there is none. */
static int
number_in(const char *path, const char *name)
{
	char	 member[64], *p;

	snprintf(member, sizeof(member), "\"%s\":", name);
	if ((p = strstr(slurp(path, NULL), member)) == NULL)
		return (-1);
	return (atoi(p + strlen(member)));
}

#define TEST(name, text)						\
ATF_TC(name);								\
ATF_TC_HEAD(name, tc)							\
{									\
	atf_tc_set_md_var(tc, "descr", text);				\
	atf_tc_set_md_var(tc, "require.progs", "python3 curl");		\
	atf_tc_set_md_var(tc, "timeout", "300");			\
}									\
ATF_TC_BODY(name, tc)

#endif
