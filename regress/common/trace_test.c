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

/* Traces of requests: what is one, and how long it is known. */
#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "trace.h"

#define GOOD	"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static int
parse(const char *text)
{
	struct trace	 t;

	return (trace_parse(&t, text, strlen(text)));
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	struct trace	 t, back;
	char		 text[TRACE_HEADER], again[TRACE_HEADER];

	ATF_REQUIRE_EQ(0, trace_parse(&t, GOOD, strlen(GOOD)));
	ATF_CHECK_STREQ("4bf92f3577b34da6a3ce929d0e0e4736",
	    trace_format(&t, text));
	ATF_CHECK_EQ(1, t.flags);
	/* With a parent of our own, and another one each time. */
	ATF_CHECK_EQ(TRACE_HEADER - 1, strlen(trace_header(&t, text)));
	trace_header(&t, again);
	ATF_CHECK(strcmp(text, again) != 0);
	ATF_CHECK(strstr(text, "00f067aa0ba902b7") == NULL);
	ATF_REQUIRE_EQ(0, strncmp(text, "traceparent: ", 13));
	ATF_REQUIRE_EQ(0, trace_parse(&back, text + 13, strlen(text) - 13));
	ATF_CHECK_EQ(0, memcmp(&back, &t, sizeof(t)));
	/* Flags that version 00 does not know are not passed on. */
	ATF_REQUIRE_EQ(0, trace_parse(&t, "00-4bf92f3577b34da6a3ce929d0e0e4736"
	    "-00f067aa0ba902b7-fe", 55));
	ATF_CHECK_EQ(0, t.flags);
}

ATF_TC_WITHOUT_HEAD(bad);
ATF_TC_BODY(bad, tc)
{
	static const char *const	 texts[] = {
		"", "00", "00-", GOOD "-", GOOD " ", (" " GOOD),
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00F067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
		"00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	};
	char				 text[sizeof(GOOD)];
	size_t				 i;
	int				 c;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ATF_CHECK_MSG(parse(texts[i]) == -1, "%s", texts[i]);
	/* Every other byte at every place, and every length. */
	for (i = 0; i < sizeof(GOOD) - 1; i++)
		for (c = 0; c < 256; c++) {
			struct trace	 t;

			strlcpy(text, GOOD, sizeof(text));
			text[i] = (char)c;
			if (GOOD[i] != '-' && i > 1 && c != 0 &&
			    strchr("0123456789abcdef", c) != NULL)
				continue;
			if (text[i] == GOOD[i])
				continue;
			ATF_CHECK_MSG(trace_parse(&t, text, 55) == -1,
			    "byte %d at %zu", c, i);
		}
	for (i = 0; i < sizeof(GOOD) - 1; i++) {
		strlcpy(text, GOOD, i + 1);
		ATF_CHECK_EQ(-1, parse(text));
	}
}

ATF_TC_WITHOUT_HEAD(known);
ATF_TC_BODY(known, tc)
{
	struct request_name	 name = { 7, 1 }, other = { 8, 1 };
	struct trace		 t, got;
	struct wbuf		 w = { 0 };
	struct rbuf		 r;
	uint64_t		 i;

	ATF_CHECK_EQ(-1, trace_get(&name, &got));
	ATF_REQUIRE_EQ(0, trace_parse(&t, GOOD, strlen(GOOD)));
	trace_put(&name, &t);
	ATF_CHECK_EQ(0, trace_get(&name, &got));
	ATF_CHECK_EQ(0, memcmp(&t, &got, sizeof(t)));
	ATF_CHECK_EQ(-1, trace_get(&other, &got));
	/* Those after it leave it alone, until its place is wanted. */
	for (i = 2; i <= TRACES; i++) {
		name.number = i;
		trace_put(&name, &t);
	}
	name.number = 1;
	ATF_CHECK_EQ(0, trace_get(&name, &got));
	name.number = 1 + TRACES;
	trace_put(&name, &t);
	name.number = 1;
	ATF_CHECK_EQ(-1, trace_get(&name, &got));
	/* The message of an edge, and what is none. */
	wb_name(&w, &other);
	wb_trace(&w, &t);
	ATF_CHECK_EQ(TRACE_BODY, w.len);
	rb_init(&r, w.data, w.len - 1);
	ATF_CHECK_EQ(-1, trace_take(NULL, &r));
	ATF_CHECK_EQ(-1, trace_get(&other, &got));
	w.data[w.len - 1] = 2;
	rb_init(&r, w.data, w.len);
	ATF_CHECK_EQ(-1, trace_take(NULL, &r));
	w.data[w.len - 1] = 1;
	rb_init(&r, w.data, w.len);
	ATF_CHECK_EQ(0, trace_take(NULL, &r));
	ATF_CHECK_EQ(0, trace_get(&other, &got));
	wb_free(&w);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, bad);
	ATF_TP_ADD_TC(tp, known);
	return (atf_no_error());
}
