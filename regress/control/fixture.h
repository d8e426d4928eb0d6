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
 * A real control process, with a test as its parent, broker, auth and maker,
 * and a socket in the test's directory.  Also for the tests of kbsctl.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "kbsd.h"
#include "peer.h"

#define SOCK	"kbsd.sock"
#define UNUSED	__attribute__((unused))
/* ms: what just has to come, before control's own timer of 30 s brings it. */
#define SOON	20000

struct fixture {
	struct child	*child;
	struct peer	*parent, *broker, *auth, *maker;
	int		 worked;
	char		 named[64];	/* in the last command */
};

/* What came to the broker and to auth. */
struct asked {
	uint64_t	 number;
	struct ask	 ask;
	char		 text[4096];
	char		 password[PASSWORD_MAX + 1];
};

static const struct uuid	 id_a = { { 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1,
	0x4a, 0xa1, 0x8a, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1, 0xa1 } };
static const struct uuid	 id_b = { { 0xb2, 0xb2, 0xb2, 0xb2, 0xb2, 0xb2,
	0x4b, 0xb2, 0x8b, 0xb2, 0xb2, 0xb2, 0xb2, 0xb2, 0xb2, 0xb2 } };

#define ID_A	"a1a1a1a1-a1a1-4aa1-8aa1-a1a1a1a1a1a1"
#define ID_B	"b2b2b2b2-b2b2-4bb2-8bb2-b2b2b2b2b2b2"

static UNUSED void
fixture_edges(struct fixture *f)
{
	f->broker = child_edge(f->child, PROC_BROKER, 0, 3);
	f->auth = child_edge(f->child, PROC_AUTH, 0, 0);
	f->maker = child_edge(f->child, PROC_MAKER, 0, 0);
}

static UNUSED void
fixture_start(struct fixture *f)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct wbuf		 w = { 0 };
	int			 fd;

	memset(f, 0, sizeof(*f));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ATF_REQUIRE(fd != -1);
	strlcpy(sun.sun_path, SOCK, sizeof(sun.sun_path));
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ATF_REQUIRE(listen(fd, 128) == 0);
	f->child = child_start("control", PROC_CONTROL, 0, 7, NULL);
	f->parent = child_parent(f->child);
	wb_u32(&w, 2);
	child_config(f->child, &w);
	child_descriptor(f->child, FD_LISTEN, fd);
	child_go(f->child);
	fixture_edges(f);
	peer_send(f->parent, IMSG_PROCESS_ACCEPT, &w);
}

static UNUSED void
fixture_end(struct fixture *f)
{
	ATF_CHECK_EQ(0, child_end(f->child));
}

/* --- a client ------------------------------------------------------------ */

static UNUSED int
client_open(void)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(fd != -1);
	strlcpy(sun.sun_path, SOCK, sizeof(sun.sun_path));
	ATF_REQUIRE(connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	return (fd);
}

static UNUSED void
client_say(int fd, const char *text)
{
	size_t	 len = strlen(text);

	ATF_REQUIRE_EQ((ssize_t)len, send(fd, text, len, MSG_NOSIGNAL));
}

/*
 * All up to the line with "ok", or up to the end, as text.  NULL: nothing
 * within ms, or closed before anything came.
 */
static UNUSED char *
client_hear(int fd, int ms)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	char		*text = NULL, c;
	size_t		 len = 0, line = 0;

	for (;;) {
		if (poll(&pfd, 1, ms) != 1 || recv(fd, &c, 1, 0) != 1)
			break;
		ATF_REQUIRE((text = realloc(text, len + 2)) != NULL);
		text[len++] = c;
		text[len] = '\0';
		if (c != '\n')
			continue;
		if (strncmp(text + line, "{\"ok\":", 6) == 0)
			break;
		line = len;
	}
	return (text);
}

/* Nothing more comes: closed by control within ms. */
static UNUSED int
client_closed(int fd, int ms)
{
	struct pollfd	 pfd = { .fd = fd, .events = POLLIN };
	char		 c;

	return (poll(&pfd, 1, ms) == 1 && recv(fd, &c, 1, 0) <= 0);
}

static UNUSED void
client_check(int fd, const char *answer)
{
	char	*text = client_hear(fd, SOON);

	ATF_REQUIRE_MSG(text != NULL, "no answer");
	ATF_CHECK_STREQ(answer, text);
	free(text);
}

/* The answer has this in it. */
static UNUSED void
client_check_in(int fd, const char *part)
{
	char	*text = client_hear(fd, SOON);

	ATF_REQUIRE_MSG(text != NULL, "no answer, wanted %s", part);
	ATF_CHECK_MSG(strstr(text, part) != NULL, "%s not in %s", part, text);
	free(text);
}

/* --- siblings ------------------------------------------------------------ */

/* Both halves of a question, which must be of one number and one digest. */
static UNUSED void
asked(struct fixture *f, enum operation op, struct asked *a)
{
	struct rbuf	 r, ask;
	const uint8_t	*bytes;
	char		 client[ADDRESS_TEXT_MAX];
	uint8_t		 sum[DIGEST_LEN], ours[DIGEST_LEN];
	uint64_t	 number;
	size_t		 len;

	memset(a, 0, sizeof(*a));
	peer_recv(f->auth, IMSG_AUTH_LOCAL, &r, AGES);
	number = rb_u64(&r);
	ATF_CHECK_EQ(getuid(), rb_u32(&r));
	rb_digest(&r, sum);
	bytes = rb_bytes(&r, &len, 0, PASSWORD_MAX);
	if (len > 0)
		memcpy(a->password, bytes, len);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	peer_recv(f->broker, IMSG_BROKER_ASK, &r, AGES);
	a->number = rb_u64(&r);
	ATF_CHECK_EQ(number, a->number);
	rb_str(&r, client, sizeof(client));
	ATF_CHECK_STREQ("local", client);
	bytes = rb_bytes(&r, &len, 1, EVIDENCE_MAX);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	digest(ours, bytes, len);
	ATF_CHECK(memcmp(ours, sum, DIGEST_LEN) == 0);
	rb_init(&ask, bytes, len);
	rb_ask(&ask, &a->ask);
	ATF_REQUIRE_EQ(0, rb_end(&ask));
	ATF_CHECK_EQ(op, a->ask.op);
	if (a->ask.textlen > 0 && a->ask.textlen < sizeof(a->text))
		memcpy(a->text, a->ask.text, a->ask.textlen);
	ATF_CHECK_EQ(a->ask.has_password, a->password[0] != '\0');
}

static UNUSED void
answer(struct fixture *f, uint64_t number, unsigned int status,
    const char *error, enum answer_kind kind, uint32_t count,
    struct wbuf *records)
{
	struct wbuf	 w = { 0 };
	struct rbuf	 r;

	wb_u64(&w, number);
	wb_u16(&w, (uint16_t)status);
	wb_u16(&w, 0);
	wb_str(&w, error);
	wb_u8(&w, 0);
	wb_u8(&w, kind);
	wb_u32(&w, count);
	if (records != NULL) {
		wb_raw(&w, records->data, records->len);
		wb_free(records);
	}
	peer_send(f->broker, IMSG_FRONTEND_ANSWER, &w);
	/* The parent hears of the first piece of work. */
	if (!f->worked)
		peer_recv(f->parent, IMSG_PARENT_WORKED, &r, AGES);
	f->worked = 1;
}

static UNUSED void
key_record(struct wbuf *w, const struct uuid *id, uint8_t algorithm)
{
	struct key_record	 k;

	memset(&k, 0, sizeof(k));
	k.id = *id;
	k.version = 1;
	strlcpy(k.keystore, "local", sizeof(k.keystore));
	uuid_format(id, k.backend);
	k.algorithm = algorithm;
	k.length = algorithm == ALG_RSA ? 3072 : 256;
	k.curve = algorithm == ALG_EC ? CURVE_P256 : CURVE_NONE;
	k.flags = algorithm == ALG_AES ? KEY_ATTESTED_ONLY : 0;
	k.policy = algorithm == ALG_AES ? id_b : uuid_nil;
	k.state = algorithm == ALG_EC ? KEY_DELETING : KEY_ACTIVE;
	k.created = 1796083200;			/* 2026-12-01T00:00:00Z */
	wb_key_record(w, &k);
}

static UNUSED void
policy_record(struct wbuf *w, const char *text)
{
	struct policy_record	 p;

	memset(&p, 0, sizeof(p));
	p.id = id_b;
	p.created = 1796083200;
	p.text = text;
	p.textlen = strlen(text);
	wb_policy_record(w, &p);
}

#define POLICY								\
	"{\"attestation_type\":\"SGX\",\"sgx\":{\"attributes\":{"	\
	"\"mrenclave\":[\"83f4e819861adef6ffb2a4865efea9337b91ed30fa33491b17" \
	"f0d5d9e8204410\"],\"isvsvn\":1}}}"

static UNUSED void
user_record(struct wbuf *w, const char *name, uint32_t permissions)
{
	struct user_record	 u;

	memset(&u, 0, sizeof(u));
	u.id = id_a;
	strlcpy(u.name, name, sizeof(u.name));
	u.permissions = permissions;
	u.created = u.updated = 1796083200;
	wb_user_record(w, &u);
}

/* A command to the parent; its tag. */
static UNUSED uint64_t
commanded(struct fixture *f, enum parent_command command, uint8_t argument)
{
	struct rbuf	 r;
	uint64_t	 tag;

	peer_recv(f->parent, IMSG_PARENT_COMMAND, &r, AGES);
	tag = rb_u64(&r);
	ATF_CHECK_EQ(command, rb_u8(&r));
	ATF_CHECK_EQ(argument, rb_u8(&r));
	rb_str(&r, f->named, sizeof(f->named));
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (tag);
}

/* cells: the names of the columns first. */
static UNUSED void
reply(struct fixture *f, uint64_t tag, const char *error, uint32_t columns,
    uint32_t rows, const char *const *cells)
{
	struct wbuf	 w = { 0 };
	uint32_t	 i;

	wb_u64(&w, tag);
	wb_u8(&w, error[0] == '\0');
	wb_str(&w, error);
	wb_u32(&w, columns);
	for (i = 0; i < columns; i++)
		wb_str(&w, cells[i]);
	wb_u32(&w, rows);
	for (; i < columns * (rows + 1); i++)
		wb_str(&w, cells[i]);
	peer_send(f->parent, IMSG_CONTROL_REPLY, &w);
}

#endif
