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

/* The control process against clients and siblings, good and bad. */

#include "fixture.h"

#define LINE_BYTES	(256 * 1024)
#define MANY		100

static const char *const processes[] = {
	"process", "pid", "sandbox",
	"frontend", "12", "seccomp",
	"a\xff\"b\n", "13", "",
};

ATF_TC_WITHOUT_HEAD(tables);
ATF_TC_BODY(tables, tc)
{
	struct fixture	 f;
	int		 fd;

	fixture_start(&f);
	fd = client_open();
	client_say(fd, "{\"command\":\"show processes\"}\n");
	reply(&f, commanded(&f, COMMAND_PROCESSES, 0), "", 3, 2, processes);
	client_check(fd, "{\"columns\":[\"process\",\"pid\",\"sandbox\"]}\n"
	    "{\"row\":[\"frontend\",\"12\",\"seccomp\"]}\n"
	    "{\"row\":[\"a?\\\"b?\",\"13\",\"\"]}\n"
	    "{\"ok\":true,\"status\":200}\n");
	client_say(fd, "{\"command\":\"show status\"}\n");
	reply(&f, commanded(&f, COMMAND_STATUS, 0), "", 3, 0, processes);
	client_check(fd, "{\"columns\":[\"process\",\"pid\",\"sandbox\"]}\n"
	    "{\"ok\":true,\"status\":200}\n");
	client_say(fd, "{\"command\":\"log\",\"level\":2}\n");
	reply(&f, commanded(&f, COMMAND_VERBOSE, 2), "", 0, 0, NULL);
	client_check(fd, "{\"ok\":true,\"status\":200}\n");
	client_say(fd, "{\"command\":\"reload\"}\n");
	reply(&f, commanded(&f, COMMAND_RELOAD, 0), "it has errors", 0, 0,
	    NULL);
	client_check(fd, "{\"ok\":false,\"status\":500,\"error\":"
	    "\"it has errors\"}\n");
	close(fd);
	fixture_end(&f);
}

/* Each question that may be asked, and the operation it must become. */
static const struct {
	const char	*line;
	enum operation	 op;
	unsigned int	 status;
	enum answer_kind kind;
} questions[] = {
	{ "{\"command\":\"key list\"}", OP_KEY_SEARCH, 200, ANSWER_KEYS },
	{ "{\"command\":\"key list\",\"filter\":{\"algorithm\":\"RSA\"}}",
	    OP_KEY_SEARCH, 200, ANSWER_KEYS },
	{ "{\"command\":\"key show\",\"id\":\"" ID_A "\"}", OP_KEY_FIND, 200,
	    ANSWER_KEY },
	{ "{\"command\":\"key create\",\"body\":{\"key_information\":{"
	    "\"algorithm\":\"aes\",\"key_length\":256,\"keystore\":\"x\","
	    "\"attested_only\":true},\"transfer_policy_id\":\"" ID_B "\"}}",
	    OP_KEY_CREATE, 201, ANSWER_KEY },
	{ "{\"command\":\"key register\",\"body\":{\"key_information\":{"
	    "\"algorithm\":\"RSA\",\"key_length\":2048,\"kmip_key_id\":"
	    "\"17\"}}}", OP_KEY_REGISTER, 201, ANSWER_KEY },
	{ "{\"command\":\"key move\",\"id\":\"" ID_A "\",\"body\":{"
	    "\"transfer_policy_id\":\"" ID_B "\"}}", OP_KEY_MOVE, 201,
	    ANSWER_KEY },
	{ "{\"command\":\"key delete\",\"id\":\"" ID_A "\"}", OP_KEY_DELETE,
	    204, ANSWER_NONE },
	{ "{\"command\":\"policy list\"}", OP_POLICY_SEARCH, 200,
	    ANSWER_POLICIES },
	{ "{\"command\":\"policy show\",\"id\":\"" ID_B "\"}",
	    OP_POLICY_FIND, 200, ANSWER_POLICY },
	{ "{\"command\":\"policy add\",\"body\":" POLICY "}",
	    OP_POLICY_CREATE, 201, ANSWER_POLICY },
	{ "{\"command\":\"policy delete\",\"id\":\"" ID_B "\"}",
	    OP_POLICY_DELETE, 204, ANSWER_NONE },
	{ "{\"command\":\"user list\"}", OP_USER_SEARCH, 200, ANSWER_USERS },
	{ "{\"command\":\"user list\",\"filter\":{\"username\":\"ann\"}}",
	    OP_USER_SEARCH, 200, ANSWER_USERS },
	{ "{\"command\":\"user show\",\"id\":\"" ID_A "\"}", OP_USER_FIND,
	    200, ANSWER_USER },
	{ "{\"command\":\"user add\",\"body\":{\"username\":\"ann\","
	    "\"password\":\"correct horse\",\"permissions\":["
	    "\"keys:create\"]}}", OP_USER_CREATE, 201, ANSWER_USER },
	{ "{\"command\":\"user change\",\"id\":\"" ID_A "\",\"body\":{"
	    "\"permissions\":[\"keys:search\"]}}", OP_USER_UPDATE, 200,
	    ANSWER_USER },
	{ "{\"command\":\"user delete\",\"id\":\"" ID_A "\"}",
	    OP_USER_DELETE, 204, ANSWER_NONE },
};

#define NQUESTIONS	(sizeof(questions) / sizeof(questions[0]))

static uint32_t
records(struct wbuf *w, enum answer_kind kind)
{
	switch (kind) {
	case ANSWER_KEYS:
		key_record(w, &id_b, ALG_RSA);
		/* FALLTHROUGH */
	case ANSWER_KEY:
		key_record(w, &id_a, ALG_AES);
		break;
	case ANSWER_POLICY:
	case ANSWER_POLICIES:
		policy_record(w, POLICY);
		break;
	case ANSWER_USER:
	case ANSWER_USERS:
		user_record(w, "ann", PERM_KEYS_CREATE);
		break;
	default:
		return (0);
	}
	return (kind == ANSWER_KEYS ? 2 : 1);
}

/* Each line of an answer is an object, and only the last has "ok". */
static void
check_lines(char *text, size_t lines)
{
	char	*line, *rest = text;
	json_t	*j;
	size_t	 n = 0;

	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		ATF_REQUIRE_MSG(json_is_object(j), "%s", line);
		ATF_CHECK_EQ(*rest == '\0',
		    json_is_true(json_object_get(j, "ok")));
		json_decref(j);
		n++;
	}
	ATF_CHECK_EQ(lines, n);
}

ATF_TC_WITHOUT_HEAD(questions);
ATF_TC_BODY(questions, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	char		*text;
	uint64_t	 last = 0;
	uint32_t	 n;
	size_t		 i;
	int		 fd;

	fixture_start(&f);
	fd = client_open();
	for (i = 0; i < NQUESTIONS; i++) {
		client_say(fd, questions[i].line);
		client_say(fd, "\n");
		asked(&f, questions[i].op, &a);
		ATF_CHECK(a.number > last);
		last = a.number;
		n = records(&w, questions[i].kind);
		answer(&f, a.number, questions[i].status, "",
		    questions[i].kind, n, &w);
		ATF_REQUIRE((text = client_hear(fd, SOON)) != NULL);
		check_lines(text, n + 1);
		free(text);
		/* And once refused. */
		client_say(fd, questions[i].line);
		client_say(fd, "\n");
		asked(&f, questions[i].op, &a);
		answer(&f, a.number, 401, "not allowed", ANSWER_NONE, 0, NULL);
		client_check(fd, "{\"ok\":false,\"status\":401,\"error\":"
		    "\"not allowed\"}\n");
	}
	close(fd);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(members);
ATF_TC_BODY(members, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	char		 uid[32];
	int		 fd;

	fixture_start(&f);
	fd = client_open();
	client_say(fd, "{\"command\":\"user add\",\"body\":{\"username\":"
	    "\"ann\",\"password\":\"correct horse\",\"permissions\":["
	    "\"keys:create\",\"users:delete\"]}}\n");
	asked(&f, OP_USER_CREATE, &a);
	ATF_CHECK_STREQ("ann", a.ask.name);
	ATF_CHECK_STREQ("correct horse", a.password);
	ATF_CHECK_EQ(PERM_KEYS_CREATE | PERM_USERS_DELETE, a.ask.permissions);
	user_record(&w, "ann", a.ask.permissions);
	answer(&f, a.number, 201, "", ANSWER_USER, 1, &w);
	client_check_in(fd, "{\"user\":{\"id\":\"" ID_A "\"");
	client_say(fd, "{\"command\":\"policy add\",\"body\":" POLICY "}\n");
	asked(&f, OP_POLICY_CREATE, &a);
	ATF_CHECK(strstr(a.text, "83f4e819861a") != NULL);
	answer(&f, a.number, 503, "no", ANSWER_NONE, 0, NULL);
	client_check_in(fd, "503");
	client_say(fd, "{\"command\":\"key list\"}\n");
	asked(&f, OP_KEY_SEARCH, &a);
	key_record(&w, &id_a, ALG_AES);
	answer(&f, a.number, 200, "", ANSWER_KEYS, 1, &w);
	client_check_in(fd, "\"keystore\":\"local\",\"state\":\"active\","
	    "\"version\":1}\n");
	/* Who it was stands in the log, what is secret does not. */
	snprintf(uid, sizeof(uid), "uid %u: user add ann",
	    (unsigned int)getuid());
	ATF_CHECK(child_logged(f.child, uid, AGES));
	ATF_CHECK(!child_logged(f.child, "correct", 50));
	close(fd);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(material);
ATF_TC_BODY(material, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct rbuf	 r;
	struct wbuf	 w = { 0 };
	uint8_t		 sum[DIGEST_LEN];
	const uint8_t	*bytes;
	uint64_t	 number;
	size_t		 len;
	int		 fd;

	fixture_start(&f);
	fd = client_open();
	client_say(fd, "{\"command\":\"key register\",\"body\":{"
	    "\"key_information\":{\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"key_data\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}}}\n");
	peer_recv(f.maker, IMSG_MAKER_MATERIAL, &r, AGES);
	number = rb_u64(&r);
	bytes = rb_bytes(&r, &len, 1, MATERIAL_MAX);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	ATF_REQUIRE_EQ(16, len);
	ATF_CHECK(memcmp(bytes, "0123456789abcdef", 16) == 0);
	digest(sum, bytes, len);
	asked(&f, OP_KEY_REGISTER, &a);
	ATF_CHECK_EQ(number, a.number);
	ATF_CHECK_EQ(1, a.ask.has_material);
	ATF_CHECK(memcmp(sum, a.ask.material, DIGEST_LEN) == 0);
	/* What the maker had of it is gone with the maker. */
	peer_close(f.maker);
	client_check_in(fd, "a part of the service failed");
	key_record(&w, &id_a, ALG_AES);
	answer(&f, a.number, 201, "", ANSWER_KEY, 1, &w);	/* late */
	client_say(fd, "{\"command\":\"key register\",\"body\":{"
	    "\"key_information\":{\"algorithm\":\"AES\",\"key_length\":128,"
	    "\"key_data\":\"MDEyMzQ1Njc4OWFiY2RlZg==\"}}}\n");
	client_check_in(fd, "\"status\":503");
	ATF_CHECK(peer_silent(f.broker, 100));
	ATF_CHECK(!child_logged(f.child, "MDEyMz", 50));
	ATF_CHECK(!child_logged(f.child, "012345", 50));
	close(fd);
	fixture_end(&f);
}

static const char *const bad[] = {
	"", " ", "x", "[]", "{}", "null", "\"show status\"", "{",
	"{\"command\":1}", "{\"command\":\"\"}", "{\"command\":null}",
	"{\"command\":\"show\"}", "{\"command\":\"key releases\"}",
	"{\"command\":\"show status\",\"command\":\"reload\"}",
	"{\"command\":\"show status\"} {}",
	"{\"command\":\"show status\",\"more\":1}",
	"{\"command\":\"show status\",\"id\":\"" ID_A "\"}",
	"{\"command\":\"reload\",\"body\":{}}",
	"{\"command\":\"log\"}", "{\"command\":\"log\",\"level\":3}",
	"{\"command\":\"log\",\"level\":-1}",
	"{\"command\":\"log\",\"level\":\"1\"}",
	"{\"command\":\"log\",\"level\":1e0}",
	"{\"command\":\"key show\"}", "{\"command\":\"key show\",\"id\":\"\"}",
	"{\"command\":\"key show\",\"id\":\"" ID_A "a\"}",
	"{\"command\":\"key show\",\"id\":[]}",
	"{\"command\":\"key delete\",\"id\":\"../../etc\"}",
	"{\"command\":\"key delete\",\"id\":\"" ID_A "\",\"version\":2}",
	"{\"command\":\"key rotate\",\"id\":\"" ID_A "\",\"version\":0}",
	"{\"command\":\"key rotate\",\"id\":\"" ID_A "\",\"version\":-1}",
	"{\"command\":\"key rotate\",\"id\":\"" ID_A "\","
	    "\"version\":4294967296}",
	"{\"command\":\"key rotate\",\"id\":\"" ID_A "\","
	    "\"version\":\"2\"}",
	"{\"command\":\"key list\",\"filter\":{\"nothing\":\"x\"}}",
	"{\"command\":\"key list\",\"filter\":{\"algorithm\":1}}",
	"{\"command\":\"key list\",\"filter\":[]}",
	"{\"command\":\"policy list\",\"filter\":{}}",
	"{\"command\":\"key create\"}", "{\"command\":\"key create\","
	    "\"body\":{}}",
	"{\"command\":\"key create\",\"body\":{\"key_information\":{"
	    "\"algorithm\":\"DES\",\"key_length\":56}}}",
	"{\"command\":\"key create\",\"body\":{\"key_information\":{"
	    "\"algorithm\":\"AES\",\"key_length\":128,\"key_data\":"
	    "\"MDEyMzQ1Njc4OWFiY2RlZg==\"}}}",
	"{\"command\":\"key register\",\"body\":{\"key_information\":{"
	    "\"algorithm\":\"AES\",\"key_length\":128}}}",
	"{\"command\":\"key register\",\"body\":{\"key_information\":{"
	    "\"algorithm\":\"AES\",\"key_length\":128,\"key_data\":"
	    "\"MDEyMzQ1Njc4OWFiY2RlZg\"}}}",
	"{\"command\":\"user add\",\"body\":{\"username\":\"ann\","
	    "\"permissions\":[\"keys:create\"]}}",
	"{\"command\":\"user add\",\"body\":{\"username\":\"a b\","
	    "\"password\":\"correct horse\",\"permissions\":["
	    "\"keys:create\"]}}",
	"{\"command\":\"user add\",\"body\":{\"username\":\"ann\","
	    "\"password\":\"short\",\"permissions\":[\"keys:create\"]}}",
	"{\"command\":\"user add\",\"body\":{\"username\":\"ann\","
	    "\"password\":\"correct horse\",\"permissions\":[]}}",
	"{\"command\":\"policy add\",\"body\":{\"attestation_type\":"
	    "\"SGX\",\"sgx\":{}}}",
	"{\"command\":\"policy add\",\"body\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	    "[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	"\xff\xfe", "{\"command\":\"\xff\"}", "{\"command\":\"a\\u0000\"}",
};

#define NBAD	(sizeof(bad) / sizeof(bad[0]))

ATF_TC_WITHOUT_HEAD(garbage);
ATF_TC_BODY(garbage, tc)
{
	struct fixture	 f;
	char		*text;
	size_t		 i;
	int		 fd;

	fixture_start(&f);
	fd = client_open();
	for (i = 0; i < NBAD; i++) {
		client_say(fd, bad[i]);
		client_say(fd, "\n");
		text = client_hear(fd, SOON);
		ATF_REQUIRE_MSG(text != NULL, "%s", bad[i]);
		ATF_CHECK_MSG(strncmp(text, "{\"ok\":false,\"status\":400,",
		    25) == 0, "%s: %s", bad[i], text);
		free(text);
	}
	/* A NUL is no end of a line. */
	ATF_REQUIRE_EQ(29, send(fd, "{\"command\":\"show status\"}\0{}\n",
	    29, 0));
	client_check_in(fd, "\"status\":400");
	ATF_CHECK(peer_silent(f.broker, 50));
	ATF_CHECK(peer_silent(f.auth, 50));
	ATF_CHECK(peer_silent(f.parent, 50));
	client_say(fd, "{\"command\":\"show edges\"}\n");
	reply(&f, commanded(&f, COMMAND_EDGES, 0), "", 3, 0, processes);
	client_check_in(fd, "\"ok\":true");
	close(fd);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(toolong);
ATF_TC_BODY(toolong, tc)
{
	struct fixture	 f;
	char		*line;
	int		 fd;

	fixture_start(&f);
	ATF_REQUIRE((line = malloc(LINE_BYTES + 2)) != NULL);
	memset(line, ' ', LINE_BYTES);
	fd = client_open();
	/* The longest there may be is read, and found empty. */
	line[LINE_BYTES - 1] = '\n';
	line[LINE_BYTES] = '\0';
	client_say(fd, line);
	client_check_in(fd, "\"status\":400");
	line[LINE_BYTES - 1] = ' ';
	client_say(fd, line);
	client_check_in(fd, "\"status\":413");
	ATF_CHECK(client_closed(fd, SOON));
	close(fd);
	/* Much more of it: refused all the same, and nobody waits. */
	fd = client_open();
	while (send(fd, line, LINE_BYTES, MSG_NOSIGNAL) > 0)
		continue;
	client_check_in(fd, "\"status\":413");
	close(fd);
	free(line);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(pieces);
ATF_TC_BODY(pieces, tc)
{
	struct fixture	 f;
	struct asked	 a;
	const char	*p = "{\"command\":\"policy list\"}\n";
	uint64_t	 first;
	int		 fd;

	fixture_start(&f);
	fd = client_open();
	for (; *p != '\0'; p++) {
		ATF_REQUIRE_EQ(1, send(fd, p, 1, 0));
		usleep(1000);
	}
	asked(&f, OP_POLICY_SEARCH, &a);
	answer(&f, a.number, 200, "", ANSWER_POLICIES, 0, NULL);
	client_check(fd, "{\"ok\":true,\"status\":200}\n");
	/* Two at once: one after the other. */
	client_say(fd, "{\"command\":\"policy list\"}\n"
	    "{\"command\":\"user list\"}\n");
	asked(&f, OP_POLICY_SEARCH, &a);
	first = a.number;
	ATF_CHECK(peer_silent(f.broker, 100));
	answer(&f, a.number, 200, "", ANSWER_POLICIES, 0, NULL);
	asked(&f, OP_USER_SEARCH, &a);
	ATF_CHECK(a.number > first);
	client_check(fd, "{\"ok\":true,\"status\":200}\n");
	answer(&f, a.number, 503, "no \xff\n", ANSWER_NONE, 0, NULL);
	client_check(fd, "{\"ok\":false,\"status\":503,\"error\":"
	    "\"no ??\"}\n");
	close(fd);
	fixture_end(&f);
}

/* As many as there may be, then refusals, and room again when one goes. */
ATF_TC_WITHOUT_HEAD(many);
ATF_TC_BODY(many, tc)
{
	struct fixture	 f;
	struct asked	 a;
	int		 fd[MANY], i, most = getuid() == 0 ? 32 : 24;

	fixture_start(&f);
	for (i = 0; i < MANY; i++)
		fd[i] = client_open();
	for (i = most; i < MANY; i++) {
		client_check_in(fd[i], "too many local clients at once");
		ATF_CHECK(client_closed(fd[i], SOON));
		close(fd[i]);
	}
	for (i = 0; i < most; i++) {
		client_say(fd[i], "{\"command\":\"policy list\"}\n");
		asked(&f, OP_POLICY_SEARCH, &a);
		answer(&f, a.number, 200, "", ANSWER_POLICIES, 0, NULL);
		client_check_in(fd[i], "\"ok\":true");
	}
	close(fd[0]);
	usleep(100000);
	fd[0] = client_open();
	client_say(fd[0], "nonsense\n");
	client_check_in(fd[0], "\"status\":400");
	for (i = 0; i < most; i++)
		close(fd[i]);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(gone);
ATF_TC_BODY(gone, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	int		 fd, i;

	fixture_start(&f);
	for (i = 0; i < 40; i++) {
		fd = client_open();
		client_say(fd, "{\"command\":\"user list\"}\n");
		asked(&f, OP_USER_SEARCH, &a);
		close(fd);
		user_record(&w, "ann", PERM_ALL);
		answer(&f, a.number, 200, "", ANSWER_USERS, 1, &w);
	}
	fd = client_open();
	client_say(fd, "{\"comm");
	close(fd);
	/* Answers to what nobody asked are late, no more. */
	answer(&f, 4711, 200, "", ANSWER_NONE, 0, NULL);
	reply(&f, 4711, "", 3, 2, processes);
	fd = client_open();
	client_say(fd, "{\"command\":\"user list\"}\n");
	asked(&f, OP_USER_SEARCH, &a);
	answer(&f, a.number, 200, "", ANSWER_USERS, 0, NULL);
	client_check_in(fd, "\"ok\":true");
	close(fd);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(deaths);
ATF_TC_BODY(deaths, tc)
{
	struct fixture	 f;
	struct asked	 a;
	int		 fd;

	fixture_start(&f);
	fd = client_open();
	client_say(fd, "{\"command\":\"user list\"}\n");
	asked(&f, OP_USER_SEARCH, &a);
	peer_close(f.broker);
	client_check(fd, "{\"ok\":false,\"status\":503,\"error\":"
	    "\"a part of the service failed\"}\n");
	client_say(fd, "{\"command\":\"user list\"}\n");
	client_check_in(fd, "\"status\":503");
	f.broker = child_edge(f.child, PROC_BROKER, 0, 4);
	/* Its half of what could not be asked is all that auth has. */
	peer_close(f.auth);
	f.auth = child_edge(f.child, PROC_AUTH, 0, 0);
	usleep(100000);
	client_say(fd, "{\"command\":\"user list\"}\n");
	asked(&f, OP_USER_SEARCH, &a);
	peer_close(f.auth);
	client_check_in(fd, "a part of the service failed");
	client_say(fd, "{\"command\":\"user list\"}\n");
	client_check_in(fd, "\"status\":503");
	ATF_CHECK(peer_silent(f.broker, 50));
	f.auth = child_edge(f.child, PROC_AUTH, 0, 0);
	usleep(100000);
	client_say(fd, "{\"command\":\"user list\"}\n");
	asked(&f, OP_USER_SEARCH, &a);
	answer(&f, a.number, 200, "", ANSWER_USERS, 0, NULL);
	client_check_in(fd, "\"ok\":true");
	close(fd);
	fixture_end(&f);
}

/* Bodies of the broker that must cost it its edge. */
static void
malform(struct wbuf *w, uint64_t number, int how)
{
	struct wbuf	 record = { 0 };

	wb_u64(w, number);
	wb_u16(w, how == 0 ? 100 : 200);
	wb_u16(w, 0);
	wb_str(w, "");
	wb_u8(w, 0);
	wb_u8(w, how == 1 ? ANSWER_KIND_MAX : how == 2 ? ANSWER_NONCE :
	    how == 3 ? ANSWER_KEYS : how == 8 ? ANSWER_POLICIES :
	    how == 9 ? ANSWER_NONE : how == 10 ? ANSWER_USER : ANSWER_USERS);
	wb_u32(w, how == 4 ? UINT32_MAX : how == 5 ? 0 : how == 10 ? 2 : 1);
	if (how == 3)
		key_record(&record, &id_a, ALG_AES);
	else if (how == 8)
		policy_record(&record, "{\"a\":\n1}");
	else
		user_record(&record, "ann", PERM_ALL);
	if (how == 10)
		user_record(&record, "bob", PERM_ALL);
	wb_raw(w, record.data, record.len - (how == 6));
	if (how == 7)
		wb_u8(w, 0);
	wb_free(&record);
}

ATF_TC_WITHOUT_HEAD(violations);
ATF_TC_BODY(violations, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct rbuf	 r;
	struct wbuf	 w = { 0 };
	int		 fd, how;

	fixture_start(&f);
	fd = client_open();
	for (how = 0; how < 13; how++) {
		client_say(fd, "{\"command\":\"user list\"}\n");
		asked(&f, OP_USER_SEARCH, &a);
		if (how < 11) {
			malform(&w, a.number, how);
			peer_send(f.broker, IMSG_FRONTEND_ANSWER, &w);
		} else if (how == 11)
			peer_send(f.broker, IMSG_CONTROL_REPLY, &w);
		else {
			wb_u64(&w, a.number);
			peer_send(f.broker, IMSG_FRONTEND_WRAPPED, &w);
		}
		peer_recv(f.parent, IMSG_PARENT_VIOLATION, &r, AGES);
		ATF_CHECK_EQ(PROC_BROKER, rb_u32(&r));
		ATF_CHECK(peer_closed(f.broker, AGES));
		peer_close(f.broker);
		client_check_in(fd, "a part of the service failed");
		f.broker = child_edge(f.child, PROC_BROKER, 0, 5);
	}
	/* auth has nothing to say here. */
	wb_u64(&w, 1);
	peer_send(f.auth, IMSG_FRONTEND_TOKEN, &w);
	peer_recv(f.parent, IMSG_PARENT_VIOLATION, &r, AGES);
	ATF_CHECK_EQ(PROC_AUTH, rb_u32(&r));
	wb_u64(&w, 1);
	peer_send(f.maker, IMSG_FRONTEND_WRAPPED, &w);
	peer_recv(f.parent, IMSG_PARENT_VIOLATION, &r, AGES);
	ATF_CHECK_EQ(PROC_MAKER, rb_u32(&r));
	close(fd);
	fixture_end(&f);
}

/* Without a parent that makes sense there is nothing to go on with. */
ATF_TC_WITHOUT_HEAD(parent);
ATF_TC_BODY(parent, tc)
{
	struct fixture	 f;
	struct wbuf	 w = { 0 };
	int		 how;

	for (how = 0; how < 3; how++) {
		fixture_start(&f);
		wb_u64(&w, 1);
		wb_u8(&w, 1);
		wb_str(&w, "");
		wb_u32(&w, how == 0 ? 17 : 0);
		wb_u32(&w, how == 1 ? 1 : 0);
		if (how == 2)
			wb_u8(&w, 0);
		peer_send(f.parent, IMSG_CONTROL_REPLY, &w);
		ATF_CHECK(peer_closed(f.parent, AGES));
		ATF_CHECK(child_end(f.child) != 0);
		unlink(SOCK);
	}
}

/* More than socket buffers hold, to a client that does not read at first. */
ATF_TC_WITHOUT_HEAD(stream);
ATF_TC_BODY(stream, tc)
{
	const uint32_t	 count = 20000;
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	char		 buf[65536], last[64] = "";
	uint32_t	 i;
	size_t		 lines = 0;
	ssize_t		 k, n;
	int		 fd, other;

	fixture_start(&f);
	fd = client_open();
	other = client_open();
	client_say(fd, "{\"command\":\"key list\"}\n");
	asked(&f, OP_KEY_SEARCH, &a);
	for (i = 0; i < count; i++)
		key_record(&w, &id_a, ALG_AES);
	answer(&f, a.number, 200, "", ANSWER_KEYS, count, &w);
	/* Meanwhile others are served. */
	client_say(other, "{\"command\":\"user list\"}\n");
	asked(&f, OP_USER_SEARCH, &a);
	answer(&f, a.number, 200, "", ANSWER_USERS, 0, NULL);
	client_check_in(other, "\"ok\":true");
	while (lines <= count && (n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (k = 0; k < n; k++)
			lines += buf[k] == '\n';
		k = n > 40 ? n - 40 : 0;
		memcpy(last, buf + k, (size_t)(n - k));
		last[n - k] = '\0';
	}
	ATF_CHECK_EQ(count + 1, lines);
	ATF_CHECK(strstr(last, "\"ok\":true") != NULL);
	close(fd);
	close(other);
	fixture_end(&f);
}

ATF_TC_WITHOUT_HEAD(drain);
ATF_TC_BODY(drain, tc)
{
	struct fixture	 f;
	struct asked	 a;
	struct wbuf	 w = { 0 };
	int		 idle, busy, status;

	fixture_start(&f);
	idle = client_open();
	busy = client_open();
	client_say(busy, "{\"command\":\"user list\"}\n");
	asked(&f, OP_USER_SEARCH, &a);
	peer_send(f.parent, IMSG_PROCESS_DRAIN, &w);
	ATF_CHECK(client_closed(idle, SOON));
	user_record(&w, "ann", PERM_ALL);
	answer(&f, a.number, 200, "", ANSWER_USERS, 1, &w);
	client_check_in(busy, "\"ok\":true");
	ATF_CHECK(client_closed(busy, SOON));
	ATF_REQUIRE(waitpid(child_pid(f.child), &status, 0) ==
	    child_pid(f.child));
	ATF_CHECK_EQ(0, status);
	close(idle);
	close(busy);
}

/* Neither a slow client nor a silent broker holds a place for ever. */
ATF_TC(deadlines);
ATF_TC_HEAD(deadlines, tc)
{
	atf_tc_set_md_var(tc, "timeout", "90");
}
ATF_TC_BODY(deadlines, tc)
{
	struct fixture	 f;
	struct asked	 a;
	uint64_t	 begin;
	int		 idle, slow, waits, i;

	fixture_start(&f);
	begin = now_ms();
	idle = client_open();
	slow = client_open();
	waits = client_open();
	client_say(waits, "{\"command\":\"user list\"}\n");
	asked(&f, OP_USER_SEARCH, &a);
	for (i = 0; i < 29; i++) {
		/* Whoever is late himself is cut off before he has done. */
		if (send(slow, " ", 1, MSG_NOSIGNAL) != 1)
			break;
		sleep(1);
	}
	ATF_CHECK(now_ms() - begin >= 29000);
	ATF_CHECK(client_closed(slow, SOON));
	ATF_CHECK(client_closed(idle, SOON));
	client_check_in(waits, "not answered in time");
	answer(&f, a.number, 200, "", ANSWER_USERS, 0, NULL);
	client_say(waits, "nonsense\n");
	client_check_in(waits, "\"status\":400");
	close(idle);
	close(slow);
	close(waits);
	fixture_end(&f);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, tables);
	ATF_TP_ADD_TC(tp, questions);
	ATF_TP_ADD_TC(tp, members);
	ATF_TP_ADD_TC(tp, material);
	ATF_TP_ADD_TC(tp, garbage);
	ATF_TP_ADD_TC(tp, toolong);
	ATF_TP_ADD_TC(tp, pieces);
	ATF_TP_ADD_TC(tp, many);
	ATF_TP_ADD_TC(tp, gone);
	ATF_TP_ADD_TC(tp, deaths);
	ATF_TP_ADD_TC(tp, violations);
	ATF_TP_ADD_TC(tp, parent);
	ATF_TP_ADD_TC(tp, stream);
	ATF_TP_ADD_TC(tp, drain);
	ATF_TP_ADD_TC(tp, deadlines);
	return (atf_no_error());
}
