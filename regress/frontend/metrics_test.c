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
 * What the metrics process tells: the text, whatever the others may have told
 * it; the checks of health; and the process itself, whose parent and clients
 * are played.
 */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "metric.h"
#include "metrics.h"
#include "rig.h"

#define MS		10000
#define N		8
#define UUID		"5f4dcc3b-5aa7-4a4e-9f8a-0242ac130003"

/* A small service: parent, frontend, gate, auth, audit, kms, verifier, ... */
static struct {
	struct sampled	 processes[N];
	struct wbuf	 told[N];
	struct service	 service;
} world;

enum { PARENT, FRONT, GATE, AUTH, AUDIT, KMS, VERIFIER, FETCHER };

static void
tell(int who, const char *name, uint64_t value)
{
	wb_str(&world.told[who], name);
	wb_u64(&world.told[who], value);
	world.processes[who].counters = world.told[who].data;
	world.processes[who].len = world.told[who].len;
}

static void
world_make(void)
{
	static const enum process_kind	 kinds[N] = { PROC_PARENT,
	    PROC_FRONTEND, PROC_GATE, PROC_AUTH, PROC_AUDIT, PROC_KMS,
	    PROC_VERIFIER, PROC_FETCHER };
	int				 i;

	for (i = 0; i < N; i++)
		wb_free(&world.told[i]);
	memset(&world, 0, sizeof(world));
	for (i = 0; i < N; i++) {
		world.processes[i].kind = kinds[i];
		world.processes[i].ready = world.processes[i].answered = 1;
		world.processes[i].type = KEYSTORE_TYPE_MAX;
	}
	world.processes[KMS].type = KEYSTORE_VAULT;
	strlcpy(world.processes[KMS].block, "main", NAME_MAX_STORE);
	strlcpy(world.processes[FETCHER].block, "ita", NAME_MAX_STORE);
	world.service.processes = world.processes;
	world.service.n = N;
	tell(PARENT, "serving", 1);
}

static char *
write_text(void)
{
	struct wbuf	 w = { 0 };

	metric_write(&w, &world.service);
	ATF_REQUIRE(!w.failed && w.len > 0 && w.data[w.len - 1] == '\n');
	wb_u8(&w, '\0');
	return ((char *)w.data);
}

/* --- the table ---------------------------------------------------------- */

static int
ends_with(const char *s, const char *end)
{
	size_t	 n = strlen(s), k = strlen(end);

	return (n >= k && strcmp(s + n - k, end) == 0);
}

/* The conventions of names, and no counter that is two metrics. */
ATF_TC_WITHOUT_HEAD(table);
ATF_TC_BODY(table, tc)
{
	const struct metric	*m, *first = NULL;
	const char		*c;
	size_t			 i, k;

	ATF_CHECK(metric_table[0].name != NULL);
	for (i = 0; i < nmetrics; i++) {
		m = &metric_table[i];
		for (k = 0; k < i; k++) {
			if (m->name != NULL && metric_table[k].name != NULL)
				ATF_CHECK_MSG(strcmp(m->name,
				    metric_table[k].name) != 0, "%s", m->name);
			if ((m->kinds & metric_table[k].kinds) != 0 &&
			    m->counter[0] != '(')
				ATF_CHECK_MSG(strcmp(m->counter,
				    metric_table[k].counter) != 0, "%s",
				    m->counter);
		}
		if (m->name == NULL) {
			ATF_CHECK_MSG(first->type != METRIC_HISTOGRAM &&
			    (m->label != NULL) == (first->label != NULL),
			    "%s: %s", first->name, m->counter);
			continue;
		}
		first = m;
		ATF_CHECK_MSG(strncmp(m->name, "kbsd_", 5) == 0, "%s",
		    m->name);
		for (c = m->name; *c != '\0'; c++)
			ATF_CHECK_MSG(islower((unsigned char)*c) || *c == '_',
			    "%s", m->name);
		ATF_CHECK_MSG((m->type == METRIC_COUNTER) ==
		    ends_with(m->name, "_total"), "%s", m->name);
		if (m->type == METRIC_HISTOGRAM)
			ATF_CHECK_MSG(ends_with(m->name, "_seconds"), "%s",
			    m->name);
		ATF_CHECK_MSG(ends_with(m->help, ".") ||
		    ends_with(m->help, "?"), "%s", m->name);
		ATF_CHECK(strpbrk(m->help, "\n\\") == NULL);
	}
}

/* --- the text ----------------------------------------------------------- */

/*
 * Each line is HELP, TYPE or a sample of the metric that was announced, once.
 */
static void
check_text(char *text)
{
	char	*line, *next, *seen[4096], metric[128] = "", *end;
	size_t	 n = 0, i, len;

	for (line = text; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		ATF_REQUIRE(next != NULL);
		*next++ = '\0';
		if (strncmp(line, "# HELP ", 7) == 0) {
			len = strcspn(line + 7, " ");
			ATF_REQUIRE(len < sizeof(metric));
			memcpy(metric, line + 7, len);
			metric[len] = '\0';
			for (i = 0; i < n; i++)
				ATF_CHECK_MSG(strncmp(seen[i], metric, len) !=
				    0 || (seen[i][len] != '\0' &&
				    seen[i][len] != '{'), "%s comes twice",
				    metric);
			continue;
		}
		if (strncmp(line, "# TYPE ", 7) == 0) {
			ATF_CHECK_EQ(0, strncmp(line + 7, metric,
			    strlen(metric)));
			continue;
		}
		ATF_CHECK_MSG(strncmp(line, metric, strlen(metric)) == 0,
		    "%s below %s", line, metric);
		ATF_REQUIRE((end = strrchr(line, ' ')) != NULL);
		ATF_CHECK_MSG(strspn(end + 1, "0123456789.") ==
		    strlen(end + 1), "%s", line);
		*end = '\0';
		for (i = 0; i < n; i++)
			ATF_CHECK_MSG(strcmp(seen[i], line) != 0,
			    "%s comes twice", line);
		ATF_REQUIRE(n < 4096);
		seen[n++] = line;
		ATF_CHECK_MSG(strchr(line, '{') == NULL || end[-1] == '}',
		    "%s", line);
	}
	printf("%zu samples\n", n);
}

static void
check_has(const char *line, int has)
{
	char	*text = write_text();

	ATF_CHECK_MSG((strstr(text, line) != NULL) == has, "%s%s:\n%s",
	    has ? "no " : "", line, text);
	check_text(text);
	free(text);
}

ATF_TC_WITHOUT_HEAD(text);
ATF_TC_BODY(text, tc)
{
	world_make();
	tell(FRONT, "answers 2xx", 18446744073709551615ULL);
	tell(GATE, "answers 2xx", 7);
	tell(KMS, "usable", 1);
	tell(VERIFIER, "collateral ends ita", 1800000000);
	tell(PARENT, "limit connections", 4096);
	world.processes[AUDIT].restarts = 3;
	check_has("\nkbsd_answers_total{process=\"frontend\",number=\"0\","
	    "code=\"2xx\"} 18446744073709551615\n"
	    "kbsd_answers_total{process=\"gate\",number=\"0\",code=\"2xx\"} "
	    "7\n", 1);
	check_has("\n# TYPE kbsd_answers_total counter\n", 1);
	check_has("\nkbsd_keystore_usable{process=\"kms\",number=\"0\","
	    "block=\"main\"} 1\n", 1);
	check_has("\nkbsd_collateral_expiry_timestamp_seconds{process="
	    "\"verifier\",number=\"0\",attestation=\"ita\"} 1800000000\n", 1);
	check_has("\nkbsd_limit{limit=\"connections\"} 4096\n", 1);
	check_has("\nkbsd_process_restarts_total{process=\"audit\","
	    "number=\"0\"} 3\n", 1);
	check_has("\nkbsd_keystore_info{process=\"kms\",number=\"0\","
	    "block=\"main\",type=\"vault\"} 1\n", 1);
	check_has("\nkbsd_ready 1\n", 1);
}

ATF_TC_WITHOUT_HEAD(durations);
ATF_TC_BODY(durations, tc)
{
	struct histogram	 h = { 0 };

	world_make();
	histogram_add(&h, 100);
	histogram_add(&h, 2500000);
	histogram_add(&h, 31000000);
	histogram_put(&world.told[FRONT], "request", &h);
	tell(FRONT, "request other", 9);
	tell(FRONT, "requests le 100", 9);
#define REQUEST(s)	"\nkbsd_request_duration_seconds" s
#define OF		"process=\"frontend\",number=\"0\""
	check_has(REQUEST("_bucket{" OF ",le=\"0.0001\"} 1\n"), 1);
	check_has(REQUEST("_bucket{" OF ",le=\"1\"} 1\n"), 1);
	check_has(REQUEST("_bucket{" OF ",le=\"2.5\"} 2\n"), 1);
	check_has(REQUEST("_bucket{" OF ",le=\"30\"} 2\n"), 1);
	check_has(REQUEST("_bucket{" OF ",le=\"+Inf\"} 3\n"), 1);
	check_has(REQUEST("_sum{" OF "} 33.500100\n"), 1);
	check_has(REQUEST("_count{" OF "} 3\n"), 1);
	check_has("\n# TYPE kbsd_request_duration_seconds histogram\n", 1);
}

/* A process may tell what it likes: only what we know comes out, once. */
ATF_TC_WITHOUT_HEAD(hostile);
ATF_TC_BODY(hostile, tc)
{
	char	*text;

	world_make();
	tell(FRONT, "connections", 1);
	tell(FRONT, "connections", 2);
	tell(FRONT, "limited connections", 1);
	tell(FRONT, "limited connections", 2);
	tell(FRONT, "limited " UUID, 3);
	tell(FRONT, "limited x\"} 1\nkbsd_evil 1", 3);
	tell(FRONT, "(up)", 17);
	tell(FRONT, "(restarts)", 17);
	tell(FRONT, "usable", 0);
	tell(FRONT, "evil\n", 4);
	tell(VERIFIER, "collateral ends " UUID, 1);
	tell(VERIFIER, "collateral ends ", 1);
	tell(VERIFIER, "collateral ends main", 5);
	tell(GATE, "", 4);
	text = write_text();
	check_text(text);
	free(text);
	text = write_text();
	ATF_CHECK(strstr(text, UUID) == NULL);
	ATF_CHECK(strstr(text, "evil") == NULL);
	ATF_CHECK(strstr(text, " 17\n") == NULL);
	ATF_CHECK(strstr(text, "kbsd_keystore_usable") == NULL);
	free(text);
}

/* Lengths that lie, a name without an end, and nothing behind them. */
ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	static const uint8_t	 lies[] = { 0xff, 0xff, 0xff, 0xff, 'a' };
	size_t			 len;

	world_make();
	tell(FRONT, "connections", 5);
	len = world.told[FRONT].len;
	wb_raw(&world.told[FRONT], lies, sizeof(lies));
	world.processes[FRONT].counters = world.told[FRONT].data;
	for (; len > 0; len--) {
		world.processes[FRONT].len = len;
		check_has("kbsd_process_up", 1);
	}
	world.processes[FRONT].len = world.told[FRONT].len;
	check_has("kbsd_connections{" OF "} 5\n", 1);
}

/* Who does not answer is down, and what it told before is not told again. */
ATF_TC_WITHOUT_HEAD(silent);
ATF_TC_BODY(silent, tc)
{
	world_make();
	tell(FRONT, "connections", 5);
	world.processes[FRONT].answered = 0;
	check_has("kbsd_connections", 0);
	check_has("\nkbsd_process_up{" OF "} 0\n", 1);
}

/* --- health ------------------------------------------------------------- */

static void
check_health(const char *want, int well)
{
	struct wbuf	 w = { 0 };
	int		 got;

	got = health_write(&w, &world.service, PAGE_READY, 1);
	wb_u8(&w, '\0');
	ATF_CHECK_EQ_MSG(well, got, "%s", (char *)w.data);
	ATF_CHECK_MSG(strstr((char *)w.data, want) != NULL, "no %s in:\n%s",
	    want, (char *)w.data);
	wb_free(&w);
}

ATF_TC_WITHOUT_HEAD(health);
ATF_TC_BODY(health, tc)
{
	static const struct {
		int		 who;
		const char	*name;
		uint64_t	 value;
		const char	*want;
	} failing[] = {
		{ AUDIT, "writable", 0, "[-]audit failed: not writable\n" },
		{ KMS, "usable", 0, "[-]keystore/main failed: unusable\n" },
		{ VERIFIER, "collateral usable ita", 0,
		    "[-]collateral/ita failed: none is valid\n" },
		{ PARENT, "stopping", 1, "[-]start failed: stopping\n" },
	};
	size_t	 i;

	world_make();
	check_health("[+]keystore/main ok\n", 1);
	check_health("[+]collateral/ita ok\n", 1);
	check_health("readyz check passed\n", 1);
	for (i = 0; i < sizeof(failing) / sizeof(failing[0]); i++) {
		world_make();
		tell(failing[i].who, failing[i].name, failing[i].value);
		check_health(failing[i].want, 0);
		check_health("readyz check failed\n", 0);
		check_has("kbsd_ready 0\n", 1);
	}
	/* one of two frontends is enough */
	world_make();
	tell(FRONT, "tls ready", 0);
	check_health("[+]tls ok\n", 1);
	tell(GATE, "tls ready", 0);
	check_health("[-]tls failed: no handshakes\n", 0);
	/* who is replaced is back soon; who is not has gone */
	world_make();
	world.processes[AUDIT].ready = 0;
	world.processes[AUDIT].down = 4;
	check_health("[+]processes ok\n", 1);
	world.processes[AUDIT].down = 5;
	check_health("[-]processes failed: audit is not there\n", 0);
	/* what it told last is still what is known */
	world_make();
	tell(KMS, "usable", 0);
	world.processes[KMS].answered = 0;
	check_health("[-]keystore/main failed: unusable\n", 0);
	world_make();
	wb_free(&world.told[PARENT]);
	tell(PARENT, "serving", 0);
	check_health("[-]start failed: starting\n", 0);
}

/* Only what fails, where nobody wants to know more. */
ATF_TC_WITHOUT_HEAD(health_short);
ATF_TC_BODY(health_short, tc)
{
	struct wbuf	 w = { 0 };

	world_make();
	ATF_CHECK_EQ(1, health_write(&w, &world.service, PAGE_READY, 0));
	ATF_CHECK(w.len == 3 && memcmp(w.data, "ok\n", 3) == 0);
	wb_free(&w);
	ATF_CHECK_EQ(0, health_write(&w, NULL, PAGE_LIVE, 0));
	wb_u8(&w, '\0');
	ATF_CHECK_STREQ("[-]parent failed: no answer\n"
	    "livez check failed\n", (char *)w.data);
	wb_free(&w);
	/* a keystore that is down is no reason to end kbsd */
	tell(KMS, "usable", 0);
	ATF_CHECK_EQ(1, health_write(&w, &world.service, PAGE_LIVE, 0));
	wb_free(&w);
}

/* --- the process -------------------------------------------------------- */

static struct child	*child;
static int		 port;

static void
start(void)
{
	struct wbuf	 w = { 0 };

	child = child_start("frontend", PROC_METRICS, 0, 0, NULL);
	child_config(child, &w);
	child_descriptor(child, FD_LISTEN, listener(&port));
	child_go(child);
	peer_send(child_parent(child), IMSG_PROCESS_ACCEPT, &w);
}

static int
client(const char *text)
{
	int	 fd = dial(INADDR_LOOPBACK, port);

	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return (fd);
}

/* All that comes, until the end. */
static const char *
answer(int fd)
{
	static char	 text[65536];
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	size_t		 len = 0;
	ssize_t		 n;

	do {
		ATF_REQUIRE(poll(&pfd, 1, MS) == 1);
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	text[len] = '\0';
	close(fd);
	return (text);
}

static void
check_answer(const char *request, const char *line)
{
	const char	*got = answer(client(request));

	ATF_CHECK_MSG(strncmp(got, line, strlen(line)) == 0 &&
	    strncmp(got + strlen(line), "\r\n", 2) == 0, "%s: %s, not %s",
	    request, got, line);
	ATF_CHECK_MSG(strstr(got, "\r\nConnection: close\r\n") != NULL, "%s",
	    got);
	/* what belongs to TLS and to requests is not here */
	ATF_CHECK(strstr(got, "Strict-Transport") == NULL);
	ATF_CHECK(strstr(got, "X-Request-Id") == NULL);
}

#define HOST	"Host: x\r\n\r\n"

ATF_TC_WITHOUT_HEAD(strangers);
ATF_TC_BODY(strangers, tc)
{
	static const struct {
		const char	*request;
		const char	*line;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n" HOST, "HTTP/1.1 404 Not Found" },
		{ "GET /metrics/ HTTP/1.1\r\n" HOST,
		    "HTTP/1.1 404 Not Found" },
		{ "GET /%6detrics HTTP/1.1\r\n" HOST,
		    "HTTP/1.1 404 Not Found" },
		{ "GET /kbs/v1/version HTTP/1.1\r\n" HOST,
		    "HTTP/1.1 404 Not Found" },
		{ "POST /metrics HTTP/1.1\r\n" HOST,
		    "HTTP/1.1 405 Method Not Allowed" },
		{ "get /metrics HTTP/1.1\r\n" HOST,
		    "HTTP/1.1 405 Method Not Allowed" },
		{ "GET /metrics HTTP/1.1\r\n\r\n",
		    "HTTP/1.1 400 Bad Request" },
		{ "GET /metrics HTTP/1.1\n" HOST, "HTTP/1.1 400 Bad Request" },
		{ "GET /metrics HTTP/2.0\r\n" HOST,
		    "HTTP/1.1 505 HTTP Version Not Supported" },
		{ "GET /metrics HTTP/1.1\r\nContent-Length: 1\r\n" HOST "x",
		    "HTTP/1.1 413 Content Too Large" },
		{ "GET /metrics HTTP/1.1\r\nContent-Length: 0\r\n"
		    "Transfer-Encoding: chunked\r\n" HOST,
		    "HTTP/1.1 400 Bad Request" },
		{ "GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
		    HOST "5\r\n", "HTTP/1.1 413 Content Too Large" },
		{ "GET /metrics HTTP/1.1\r\nA B: c\r\n" HOST,
		    "HTTP/1.1 400 Bad Request" },
		{ "\x16\x03\x01\x02\x00\r\n", "HTTP/1.1 400 Bad Request" },
	};
	size_t	 i;

	start();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_answer(rows[i].request, rows[i].line);
	/* nothing of it came to the parent */
	ATF_CHECK(peer_silent(child_parent(child), 50));
	ATF_CHECK_EQ(0, child_end(child));
}

static uint64_t
asked(int all)
{
	struct rbuf	 r;
	uint64_t	 tag;

	peer_recv(child_parent(child), IMSG_PARENT_SCRAPE, &r, MS);
	tag = rb_u64(&r);
	ATF_CHECK_EQ(all, rb_bool(&r));
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (tag);
}

static void
put_world(struct wbuf *w, uint64_t tag)
{
	const struct sampled	*s;
	int			 i;

	wb_u64(w, tag);
	wb_u32(w, N);
	for (i = 0; i < N; i++) {
		s = &world.processes[i];
		wb_u32(w, s->kind);
		wb_u32(w, s->instance);
		wb_str(w, s->block);
		wb_u8(w, s->type);
		wb_u8(w, (uint8_t)s->ready);
		wb_u8(w, (uint8_t)s->answered);
		wb_u32(w, s->restarts);
		wb_u32(w, s->down);
		wb_u64(w, s->start);
		wb_bytes(w, s->counters, s->len);
	}
}

static void
told(uint64_t tag)
{
	struct wbuf	 w = { 0 };

	put_world(&w, tag);
	peer_send(child_parent(child), IMSG_METRICS_SCRAPED, &w);
}

/* What nobody waits for; who took it would not be ready. */
static void
told_nobody(uint64_t tag)
{
	tell(AUDIT, "writable", 0);
	told(tag);
	world_make();
}

/* Each gets its own answer, whatever the order; late ones are nobody's. */
ATF_TC_WITHOUT_HEAD(pages);
ATF_TC_BODY(pages, tc)
{
	uint64_t	 tags[3];
	const char	*got;
	int		 fds[3];

	world_make();
	start();
	/* The parent has 5 s for each: no more than two wait at once. */
	fds[1] = client("GET /readyz?x&verbose HTTP/1.0\r\n\r\n");
	tags[1] = asked(1);
	fds[2] = client("HEAD /livez HTTP/1.1\r\n" HOST);
	tags[2] = asked(0);
	told_nobody(tags[2] + 1);
	told(tags[2]);
	told(tags[1]);
	fds[0] = client("GET /metrics HTTP/1.1\r\n" HOST);
	tags[0] = asked(1);
	told_nobody(tags[1]);
	told(tags[0]);
	told_nobody(tags[0]);
	got = answer(fds[2]);
	ATF_CHECK_EQ(0, strncmp(got, "HTTP/1.1 200 OK\r\n", 17));
	ATF_CHECK(strstr(got, "Content-Length: 3\r\n") != NULL);
	ATF_CHECK(ends_with(got, "\r\n\r\n"));
	got = answer(fds[1]);
	ATF_CHECK(ends_with(got, "[+]collateral/ita ok\n"
	    "readyz check passed\n"));
	got = answer(fds[0]);
	ATF_CHECK(strstr(got, "Content-Type: text/plain; version=0.0.4; "
	    "charset=utf-8\r\n") != NULL);
	ATF_CHECK(strstr(got, "\nkbsd_ready 1\n") != NULL);
	tell(AUDIT, "writable", 0);
	fds[0] = client("GET /readyz HTTP/1.1\r\n" HOST);
	told(asked(1));
	got = answer(fds[0]);
	ATF_CHECK_EQ(0, strncmp(got, "HTTP/1.1 503 Service Unavailable\r\n",
	    34));
	ATF_CHECK(ends_with(got, "\r\n\r\n[-]audit failed: not writable\n"
	    "readyz check failed\n"));
	ATF_CHECK_EQ(0, child_end(child));
}

/* A parent that hangs is told, and does not hang us. */
ATF_TC_WITHOUT_HEAD(no_parent);
ATF_TC_BODY(no_parent, tc)
{
	int	 live, metrics;

	start();
	live = client("GET /livez HTTP/1.1\r\n" HOST);
	metrics = client("GET /metrics HTTP/1.1\r\n" HOST);
	ATF_CHECK(ends_with(answer(live), "[-]parent failed: no answer\n"
	    "livez check failed\n"));
	ATF_CHECK_EQ(0, strncmp(answer(metrics), "HTTP/1.1 503 ", 13));
	ATF_CHECK_EQ(0, child_end(child));
}

/* Who says nothing is no hindrance: more than it holds, and a probe. */
ATF_TC_WITHOUT_HEAD(idle_clients);
ATF_TC_BODY(idle_clients, tc)
{
	int	 fds[40], fd;
	size_t	 i;

	world_make();
	start();
	for (i = 0; i < 40; i++)
		fds[i] = client("GET /li");
	fd = client("GET /livez HTTP/1.1\r\n" HOST);
	told(asked(0));
	ATF_CHECK(ends_with(answer(fd), "\r\n\r\nok\n"));
	for (i = 0; i < 40; i++)
		close(fds[i]);
	ATF_CHECK_EQ(0, child_end(child));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, table);
	ATF_TP_ADD_TC(tp, text);
	ATF_TP_ADD_TC(tp, durations);
	ATF_TP_ADD_TC(tp, hostile);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, silent);
	ATF_TP_ADD_TC(tp, health);
	ATF_TP_ADD_TC(tp, health_short);
	ATF_TP_ADD_TC(tp, strangers);
	ATF_TP_ADD_TC(tp, pages);
	ATF_TP_ADD_TC(tp, no_parent);
	ATF_TP_ADD_TC(tp, idle_clients);
	return (atf_no_error());
}
