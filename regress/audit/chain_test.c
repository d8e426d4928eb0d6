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

/* Audit lines and their chain, without a process around them. */
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "base64.h"
#include "digest.h"
#include "json.h"

#define NLINES	6

static char	*lines[NLINES];		/* without newline */

static void
make_entry(struct entry *e, uint64_t number)
{
	memset(e, 0, sizeof(*e));
	e->name.front = 3;
	e->name.number = number;
	e->operation = OP_TRANSFER;
	strlcpy(e->keystore, "main", sizeof(e->keystore));
	uuid_make(&e->key);
	memset(e->policy_digest, 'p', DIGEST_LEN);
	memset(e->wrapping_key, 'w', DIGEST_LEN);
	strlcpy(e->request, "00000003-0000000000000001", REQUEST_TEXT_MAX);
	strlcpy(e->client, "192.0.2.7", sizeof(e->client));
	uuid_make(&e->policy);
	e->tees = TEE_TDX;
	memset(e->evidence, 'e', DIGEST_LEN);
	strlcpy(e->verdict, "ok", sizeof(e->verdict));
}

/* malloc'd */
static char *
line_text(const struct entry *e, struct chain *chain, size_t *len)
{
	struct wbuf	 w = { 0 };

	ATF_REQUIRE_EQ(0, line_put(&w, e, chain));
	*len = w.len;
	wb_u8(&w, '\0');
	ATF_REQUIRE(!w.failed);
	return ((char *)w.data);
}

static void
make_lines(void)
{
	struct chain	 chain;
	struct entry	 e;
	size_t		 i, len;

	memset(&chain, 0, sizeof(chain));
	for (i = 0; i < NLINES; i++) {
		make_entry(&e, i);
		lines[i] = line_text(&e, &chain, &len);
		ATF_REQUIRE(lines[i] != NULL);
		ATF_CHECK_EQ(i + 1, chain.n);
		ATF_CHECK_EQ('\n', lines[i][len - 1]);
		ATF_CHECK_EQ(len, strlen(lines[i]));
		lines[i][len - 1] = '\0';
		ATF_CHECK(strchr(lines[i], '\n') == NULL);
	}
}

/* The first fault in these lines, in this order. */
static enum chain_result
verify(const size_t *order, size_t n)
{
	struct chain		 chain;
	enum chain_result	 result;
	size_t			 i;

	memset(&chain, 0, sizeof(chain));
	for (i = 0; i < n; i++) {
		result = chain_verify(&chain, lines[order[i]],
		    strlen(lines[order[i]]));
		if (result != CHAIN_OK)
			return (result);
	}
	return (CHAIN_OK);
}

ATF_TC_WITHOUT_HEAD(whole);
ATF_TC_BODY(whole, tc)
{
	static const size_t	 order[NLINES] = { 0, 1, 2, 3, 4, 5 };
	struct chain		 chain;
	uint8_t			 d[DIGEST_LEN];
	size_t			 i;

	make_lines();
	ATF_CHECK_EQ(CHAIN_OK, verify(order, NLINES));
	memset(&chain, 0, sizeof(chain));
	for (i = 0; i < NLINES; i++)
		chain_verify(&chain, lines[i], strlen(lines[i]));
	ATF_CHECK_EQ(NLINES, chain.n);
	digest(d, lines[5], strlen(lines[5]));
	ATF_CHECK_EQ(0, memcmp(d, chain.digest, DIGEST_LEN));
}

/* Every byte of every line but the last, which nothing follows. */
ATF_TC_WITHOUT_HEAD(changed);
ATF_TC_BODY(changed, tc)
{
	struct chain	 chain;
	size_t		 i, j, k, len, faults;

	make_lines();
	for (i = 0; i + 1 < NLINES; i++) {
		len = strlen(lines[i]);
		for (j = 0; j < len; j++) {
			lines[i][j] ^= 1;
			memset(&chain, 0, sizeof(chain));
			for (k = faults = 0; k < NLINES; k++)
				faults += chain_verify(&chain, lines[k],
				    k == i ? len : strlen(lines[k])) >
				    CHAIN_TORN;
			ATF_CHECK_MSG(faults > 0, "line %zu byte %zu", i, j);
			lines[i][j] ^= 1;
		}
	}
}

ATF_TC_WITHOUT_HEAD(moved);
ATF_TC_BODY(moved, tc)
{
	size_t	 order[NLINES + 1], i, j, n;

	make_lines();
	for (i = 0; i + 1 < NLINES; i++) {	/* removed */
		for (j = n = 0; j < NLINES; j++)
			if (j != i)
				order[n++] = j;
		ATF_CHECK_EQ(CHAIN_NUMBER, verify(order, n));
	}
	for (i = 0; i + 1 < NLINES; i++) {	/* exchanged with the next */
		for (j = 0; j < NLINES; j++)
			order[j] = j == i ? i + 1 : j == i + 1 ? i : j;
		ATF_CHECK(verify(order, NLINES) != CHAIN_OK);
	}
	for (i = 0; i < NLINES; i++) {		/* doubled */
		for (j = n = 0; j < NLINES; j++) {
			order[n++] = j;
			if (j == i)
				order[n++] = j;
		}
		ATF_CHECK_EQ(CHAIN_NUMBER, verify(order, n));
	}
}

/* A forged line of the right number, of which the next one does not know. */
ATF_TC_WITHOUT_HEAD(forged);
ATF_TC_BODY(forged, tc)
{
	static const size_t	 order[NLINES] = { 0, 1, 2, 3, 4, 5 };
	struct chain		 chain;
	struct entry		 e;
	char			*line;
	size_t			 len;

	make_lines();
	memset(&chain, 0, sizeof(chain));
	chain_verify(&chain, lines[0], strlen(lines[0]));
	make_entry(&e, 66);
	ATF_REQUIRE((line = line_text(&e, &chain, &len)) != NULL);
	line[len - 1] = '\0';
	lines[1] = line;
	ATF_CHECK_EQ(CHAIN_BROKEN, verify(order, NLINES));
	ATF_CHECK_EQ(CHAIN_OK, verify(order, 2));
	ATF_CHECK_STREQ("the line before it was changed",
	    chain_result_text(CHAIN_BROKEN));
}

static int
log_of(const char *text, size_t len)
{
	int	 fd;

	ATF_REQUIRE((fd = open("log", O_RDWR | O_CREAT | O_TRUNC | O_APPEND,
	    0600)) != -1);
	ATF_REQUIRE_EQ((ssize_t)len, write(fd, text, len));
	return (fd);
}

static int
tail_of(const char *text, size_t len, struct chain *chain, int *torn)
{
	int	 fd = log_of(text, len), ret;

	ret = chain_tail(fd, chain, torn);
	close(fd);
	return (ret);
}

ATF_TC_WITHOUT_HEAD(tail);
ATF_TC_BODY(tail, tc)
{
	struct chain	 chain;
	uint8_t		 d[DIGEST_LEN];
	char		 text[8192];
	size_t		 len, n, cut;
	int		 torn;

	make_lines();
	ATF_REQUIRE_EQ(0, tail_of("", 0, &chain, &torn));
	ATF_CHECK_EQ(0, chain.n);
	ATF_CHECK_EQ(0, torn);
	n = (size_t)snprintf(text, sizeof(text), "%s\n%s\n", lines[0],
	    lines[1]);
	ATF_REQUIRE(-1 != tail_of(text, n, &chain, &torn));
	ATF_CHECK_EQ(2, chain.n);
	ATF_CHECK_EQ(0, torn);
	digest(d, lines[1], strlen(lines[1]));
	ATF_CHECK_EQ(0, memcmp(d, chain.digest, DIGEST_LEN));
	/* Torn at every byte of the second line: it counts, as it is. */
	len = strlen(lines[0]) + 1;
	for (cut = len + 1; cut < n; cut++) {
		ATF_REQUIRE(-1 != tail_of(text, cut, &chain, &torn));
		ATF_CHECK_EQ(2, chain.n);
		ATF_CHECK_EQ(1, torn);
		digest(d, text + len, cut - len);
		ATF_CHECK_EQ(0, memcmp(d, chain.digest, DIGEST_LEN));
	}
	/* Torn at every byte of the first. */
	for (cut = 1; cut < len; cut++) {
		ATF_REQUIRE(-1 != tail_of(text, cut, &chain, &torn));
		ATF_CHECK_EQ(1, chain.n);
		ATF_CHECK_EQ(1, torn);
	}
	/* Several torn ones behind each other. */
	n = (size_t)snprintf(text, sizeof(text), "%s\n{\"n\"\n{\n\n{\"n\":",
	    lines[0]);
	ATF_REQUIRE(-1 != tail_of(text, n, &chain, &torn));
	ATF_CHECK_EQ(5, chain.n);
	ATF_CHECK_EQ(1, torn);
	n = (size_t)snprintf(text, sizeof(text), "{\"n\":1\n{\"n\":");
	ATF_REQUIRE(-1 != tail_of(text, n, &chain, &torn));
	ATF_CHECK_EQ(2, chain.n);
}

ATF_TC_WITHOUT_HEAD(strange);
ATF_TC_BODY(strange, tc)
{
	static const char *const texts[] = {
		"root:x:0:0:root:/root:/bin/sh\n",
		"a\nb\nc\n", "x",
		"{\"m\":1}\n", "{\"prev\":\"\"}\n",
	};
	struct chain	 chain;
	char		*big;
	size_t		 i;
	int		 torn;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ATF_CHECK_EQ_MSG(-1, tail_of(texts[i], strlen(texts[i]),
		    &chain, &torn), "%s", texts[i]);
		ATF_CHECK_EQ(EBADMSG, errno);
	}
	/* Larger than anything that is looked for. */
	ATF_REQUIRE((big = malloc(2 * CHAIN_WINDOW)) != NULL);
	memset(big, 'x', 2 * CHAIN_WINDOW);
	ATF_CHECK_EQ(-1, tail_of(big, 2 * CHAIN_WINDOW, &chain, &torn));
	free(big);
}

/* The longest line there can be, every byte of it escaped. */
ATF_TC_WITHOUT_HEAD(longest);
ATF_TC_BODY(longest, tc)
{
	struct chain	 chain, found;
	struct entry	 e;
	char		*line;
	size_t		 len;
	int		 fd, torn, i;

	memset(&chain, 0, sizeof(chain));
	make_entry(&e, 1);
	memset(e.reason, 1, sizeof(e.reason) - 1);
	memset(e.claim, 1, sizeof(e.claim) - 1);
	memset(e.wanted, 1, sizeof(e.wanted) - 1);
	memset(e.got, 1, sizeof(e.got) - 1);
	memset(e.who, 1, sizeof(e.who) - 1);
	memset(e.client, 1, sizeof(e.client) - 1);
	fd = log_of("", 0);
	for (i = 0; i < 3; i++) {
		ATF_REQUIRE((line = line_text(&e, &chain, &len)) != NULL);
		ATF_CHECK(len > 20000);
		ATF_REQUIRE_EQ((ssize_t)len, write(fd, line, len));
		free(line);
	}
	ATF_REQUIRE(-1 != chain_tail(fd, &found, &torn));
	ATF_CHECK_EQ(3, found.n);
	ATF_CHECK_EQ(0, memcmp(found.digest, chain.digest, DIGEST_LEN));
	close(fd);
}

static void
check_text(json_t *o, const char *name, const char *want)
{
	const char	*got = json_string_value(json_object_get(o, name));

	if (want == NULL)
		ATF_CHECK_MSG(got == NULL, "%s: %s", name, got);
	else
		ATF_CHECK_MSG(got != NULL && strcmp(got, want) == 0,
		    "%s: %s", name, got == NULL ? "(none)" : got);
}

ATF_TC_WITHOUT_HEAD(members);
ATF_TC_BODY(members, tc)
{
	struct chain	 chain;
	struct entry	 e;
	json_t		*o;
	char		*line, why[128], id[UUID_TEXT];
	const char	*t;
	size_t		 len;

	memset(&chain, 0, sizeof(chain));
	make_entry(&e, 1);
	e.object = e.key;
	strlcpy(e.who, "a\"b\n\xff\xc3", sizeof(e.who));
	ATF_REQUIRE((line = line_text(&e, &chain, &len)) != NULL);
	ATF_CHECK_EQ(0, strncmp(line, "{\"n\":1,\"prev\":\"0000", 19));
	o = json_read(line, len - 1, &json_small, why, sizeof(why));
	ATF_REQUIRE_MSG(o != NULL, "%s", why);
	check_text(o, "who", "a\"b\n\\xff\\xc3");
	check_text(o, "event", "decision");
	check_text(o, "operation", operation_name(OP_TRANSFER));
	check_text(o, "client", "192.0.2.7");
	check_text(o, "key", uuid_format(&e.key, id));
	check_text(o, "policy", uuid_format(&e.policy, id));
	check_text(o, "tee", "TDX");
	check_text(o, "verdict", "ok");
	check_text(o, "keystore", "main");
	check_text(o, "object", NULL);
	check_text(o, "reason", NULL);
	check_text(o, "claim", NULL);
	check_text(o, "wanted", NULL);
	check_text(o, "got", NULL);
	check_text(o, "wrapping_key", "77777777777777777777777777777777"
	    "77777777777777777777777777777777");
	t = json_string_value(json_object_get(o, "time"));
	ATF_REQUIRE(t != NULL);
	ATF_CHECK_EQ(24, strlen(t));
	ATF_CHECK_EQ('T', t[10]);
	ATF_CHECK_EQ('.', t[19]);
	ATF_CHECK_EQ('Z', t[23]);
	json_decref(o);
	free(line);
	/* Nothing at all: what is absent has no member. */
	memset(&e, 0, sizeof(e));
	e.operation = OP_LOGIN;
	e.event = AUDIT_OUTCOME;
	ATF_REQUIRE((line = line_text(&e, &chain, &len)) != NULL);
	o = json_read(line, len - 1, &json_small, why, sizeof(why));
	ATF_REQUIRE(o != NULL);
	ATF_CHECK_EQ(5, json_object_size(o));
	check_text(o, "event", "outcome");
	json_decref(o);
	free(line);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, whole);
	ATF_TP_ADD_TC(tp, changed);
	ATF_TP_ADD_TC(tp, moved);
	ATF_TP_ADD_TC(tp, forged);
	ATF_TP_ADD_TC(tp, tail);
	ATF_TP_ADD_TC(tp, strange);
	ATF_TP_ADD_TC(tp, longest);
	ATF_TP_ADD_TC(tp, members);
	return (atf_no_error());
}
