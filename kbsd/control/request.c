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
 * What an operator asks: one line of JSON, strictly read, becomes a command
 * for the parent, or a question to the broker with auth's half of it: who
 * asks, the digest of what is asked, and a password if there is one.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"
#include "digest.h"
#include "json.h"
#include "log.h"
#include "object.h"
#include "rfc3339.h"

/* Members that a command takes beside its name. */
#define REQUEST_ID	0x01		/* required */
#define REQUEST_BODY	0x02		/* required */
#define REQUEST_FILTER	0x04		/* may be there */
#define REQUEST_LEVEL	0x08		/* required; a version, a page */
#define REQUEST_CREATED	0x10		/* may be there */
#define REQUEST_NAME	0x20		/* required */
#define REQUEST_MAY_BODY 0x40		/* may be there */
#define REQUEST_GIVEN	0x80		/* may be there */
#define REQUEST_VERSION	0x100		/* may be there */

/* The broker's own answer at its deadline comes first. */
#define GRACE_MS	1000
#define VERBOSE_MAX	2

static const struct json_limits	 limits = { LINE_BYTES, 20000, 34 };

static const struct command commands[] = {
	{ "show status",    OP_NONE, COMMAND_STATUS, ANSWER_NONE, 0 },
	{ "show processes", OP_NONE, COMMAND_PROCESSES, ANSWER_NONE, 0 },
	{ "show edges",	    OP_NONE, COMMAND_EDGES, ANSWER_NONE, 0 },
	{ "show keystores", OP_NONE, COMMAND_KEYSTORES, ANSWER_NONE,
	    REQUEST_LEVEL },
	{ "show counters",  OP_NONE, COMMAND_COUNTERS, ANSWER_NONE, 0 },
	{ "show roots",	    OP_NONE, COMMAND_ROOTS, ANSWER_NONE, 0 },
	{ "show tcb",	    OP_NONE, COMMAND_TCB, ANSWER_NONE, 0 },
	{ "show sessions",  OP_NONE, COMMAND_SESSIONS, ANSWER_NONE,
	    REQUEST_LEVEL },
	{ "show attestation", OP_NONE, COMMAND_ATTESTATION, ANSWER_NONE, 0 },
	{ "show lockouts",  OP_NONE, COMMAND_LOCKOUTS, ANSWER_NONE,
	    REQUEST_LEVEL },
	{ "show certificates", OP_NONE, COMMAND_CERTIFICATES, ANSWER_NONE,
	    0 },
	{ "show limits",    OP_NONE, COMMAND_LIMITS, ANSWER_NONE, 0 },
	{ "keystore rekey", OP_NONE, COMMAND_REKEY, ANSWER_NONE,
	    REQUEST_NAME },
	{ "unpin",	    OP_NONE, COMMAND_UNPIN, ANSWER_NONE,
	    REQUEST_NAME },
	{ "reload",	    OP_NONE, COMMAND_RELOAD, ANSWER_NONE, 0 },
	{ "monitor",	    OP_NONE, COMMAND_MAX, ANSWER_NONE, 0 },
	{ "log",	    OP_NONE, COMMAND_VERBOSE, ANSWER_NONE,
	    REQUEST_LEVEL },
	{ "log reopen",	    OP_NONE, COMMAND_REOPEN, ANSWER_NONE, 0 },
	{ "key list",	    OP_KEY_SEARCH, 0, ANSWER_KEYS, REQUEST_FILTER },
	{ "key show",	    OP_KEY_FIND, 0, ANSWER_KEY, REQUEST_ID },
	{ "key create",	    OP_KEY_CREATE, 0, ANSWER_KEY, REQUEST_BODY },
	{ "key register",   OP_KEY_REGISTER, 0, ANSWER_KEY, REQUEST_BODY },
	{ "key move",	    OP_KEY_MOVE, 0, ANSWER_KEY,
	    REQUEST_ID | REQUEST_BODY },
	{ "key import",	    OP_KEY_REGISTER, 0, ANSWER_KEY,
	    REQUEST_ID | REQUEST_BODY | REQUEST_CREATED | REQUEST_GIVEN },
	{ "key delete",	    OP_KEY_DELETE, 0, ANSWER_NONE, REQUEST_ID },
	{ "key forget",	    OP_KEY_FORGET, 0, ANSWER_NONE, REQUEST_ID },
	{ "key rotate",	    OP_KEY_ROTATE, 0, ANSWER_KEY,
	    REQUEST_ID | REQUEST_VERSION | REQUEST_MAY_BODY |
	    REQUEST_GIVEN },
	{ "key backup",	    OP_KEY_BACKUP, 0, ANSWER_SEALED,
	    REQUEST_ID | REQUEST_VERSION },
	{ "policy list",    OP_POLICY_SEARCH, 0, ANSWER_POLICIES, 0 },
	{ "policy show",    OP_POLICY_FIND, 0, ANSWER_POLICY, REQUEST_ID },
	{ "policy add",	    OP_POLICY_CREATE, 0, ANSWER_POLICY,
	    REQUEST_BODY },
	{ "policy test",    OP_TEST, 0, ANSWER_CHECKS,
	    REQUEST_ID | REQUEST_BODY },
	{ "policy import",  OP_POLICY_CREATE, 0, ANSWER_POLICY,
	    REQUEST_ID | REQUEST_BODY | REQUEST_CREATED },
	{ "policy delete",  OP_POLICY_DELETE, 0, ANSWER_NONE, REQUEST_ID },
	{ "user list",	    OP_USER_SEARCH, 0, ANSWER_USERS,
	    REQUEST_FILTER },
	{ "user show",	    OP_USER_FIND, 0, ANSWER_USER, REQUEST_ID },
	{ "user add",	    OP_USER_CREATE, 0, ANSWER_USER, REQUEST_BODY },
	/* its password is a hash that auth takes as it is */
	{ "user import",    OP_USER_CREATE, 0, ANSWER_USER,
	    REQUEST_ID | REQUEST_BODY | REQUEST_CREATED },
	{ "user backup",    OP_USER_BACKUP, 0, ANSWER_SEALED, REQUEST_ID },
	{ "user change",    OP_USER_UPDATE, 0, ANSWER_USER,
	    REQUEST_ID | REQUEST_BODY },
	{ "user delete",    OP_USER_DELETE, 0, ANSWER_NONE, REQUEST_ID },
	{ "user unlock",    OP_USER_UNLOCK, 0, ANSWER_NONE, REQUEST_BODY },
};

#define NCOMMANDS	(sizeof(commands) / sizeof(commands[0]))

struct members {
	json_t	*command;
	json_t	*id;
	json_t	*body;
	json_t	*filter;
	json_t	*level;
	json_t	*created;
	json_t	*name;
	json_t	*given;
	json_t	*version;
};

/* What goes to the broker, to auth and to the maker. */
struct question {
	struct ask	 ask;
	char		 password[PASSWORD_MAX + 1];
	char		*policy;
	uint8_t		*material;
	size_t		 materiallen;
};

static uint64_t
request_number(void)
{
	static uint64_t	 number;

	return (++number);
}

/* --- bodies -------------------------------------------------------------- */

static int
body_key(struct question *q, const char *text, size_t len, char *why,
    size_t whysize)
{
	uint8_t	*material, op = q->ask.op;
	size_t	 materiallen;

	if (object_read_key(&q->ask, &material, &materiallen, text, len,
	    why, whysize) == -1)
		return (-1);
	if (q->material == NULL) {
		q->material = material;
		q->materiallen = materiallen;
	} else if (q->ask.op == OP_KEY_CREATE)
		q->ask.op = OP_KEY_REGISTER;
	else {
		freezero(material, materiallen);
		strlcpy(why, "a box and material exclude each other",
		    whysize);
		return (-1);
	}
	if (q->ask.op == op)
		return (0);
	strlcpy(why, op == OP_KEY_CREATE ? "a key that is created has no "
	    "material yet: register it" : "material is missing", whysize);
	return (-1);
}

/* Of what kind it is, the key's record says. */
static int
body_rotate(struct question *q, const char *text, size_t len, char *why,
    size_t whysize)
{
	if (q->material == NULL)
		return (object_read_material(&q->ask, &q->material,
		    &q->materiallen, text, len, why, whysize));
	strlcpy(why, "an id or a box and material exclude each other",
	    whysize);
	return (-1);
}

static int
body_move(struct question *q, const char *text, size_t len, char *why,
    size_t whysize)
{
	return (object_read_move(&q->ask, text, len, why, whysize));
}

static int
body_policy(struct question *q, const char *text, size_t len, char *why,
    size_t whysize)
{
	return (object_read_policy(&q->ask, &q->policy, text, len, why,
	    whysize));
}

static int
body_user(struct question *q, const char *text, size_t len, char *why,
    size_t whysize)
{
	return (object_read_user(&q->ask, q->ask.op, q->password, text, len,
	    why, whysize));
}

static int
body_name(struct question *q, const char *text, size_t len, char *why,
    size_t whysize)
{
	uint8_t	 op = q->ask.op;
	int	 rv;

	/* a change of nothing but the name */
	rv = object_read_user(&q->ask, OP_USER_UPDATE, q->password, text, len,
	    why, whysize);
	q->ask.op = op;
	return (rv);
}

static int	(*const bodies[OP_MAX])(struct question *, const char *, size_t,
		    char *, size_t) = {
	[OP_KEY_CREATE] = body_key,
	[OP_KEY_REGISTER] = body_key,
	[OP_KEY_MOVE] = body_move,
	[OP_KEY_ROTATE] = body_rotate,
	[OP_POLICY_CREATE] = body_policy,
	[OP_USER_CREATE] = body_user,
	[OP_USER_UPDATE] = body_user,
	[OP_USER_UNLOCK] = body_name,
};

/* The readers are those of the frontends: they take text. */
static int
question_body(struct question *q, const json_t *body, char *why,
    size_t whysize)
{
	char	*text;
	size_t	 len;
	int	 rv;

	if ((text = json_write(body, &len)) == NULL) {
		strlcpy(why, "out of memory", whysize);
		return (-1);
	}
	rv = bodies[q->ask.op](q, text, len, why, whysize);
	freezero(text, len);
	return (rv);
}

static int
question_filter(struct question *q, json_t *filter, char *why,
    size_t whysize)
{
	const char	*name, *value;
	json_t		*j;

	json_object_foreach(filter, name, j) {
		if ((value = json_string_value(j)) == NULL) {
			strlcpy(why, "a filter must be a string", whysize);
			return (-1);
		}
		if (object_read_filter(&q->ask, name, value, why,
		    whysize) == -1)
			return (-1);
	}
	return (0);
}

static int
question_id(struct question *q, const json_t *id, char *why, size_t whysize)
{
	if (id == NULL || uuid_parse(&q->ask.id, json_string_value(id),
	    json_string_length(id)) == 0)
		return (0);
	strlcpy(why, "the id is no version 4 UUID", whysize);
	return (-1);
}

/* When what is imported was made, as the contract writes it. */
static int
question_created(struct question *q, const json_t *created, char *why,
    size_t whysize)
{
	if (created == NULL || rfc3339_parse(json_string_value(created),
	    json_string_length(created), &q->ask.created) == 0)
		return (0);
	strlcpy(why, "the time of its making is no RFC 3339 time", whysize);
	return (-1);
}

/* What stands for material, from a backup: a box, or an id at the keystore. */
static int
question_given(struct question *q, const json_t *given, char *why,
    size_t whysize)
{
	char		 inner[64];
	json_t		*as, *data;
	const struct json_member members[] = {
		{ "as",		JSON_MEMBER_STRING,	1, &as },
		{ "data",	JSON_MEMBER_STRING,	1, &data },
	};
	json_t		*copy;
	int		 rc = -1;

	if (given == NULL)
		return (0);
	if ((copy = json_deep_copy(given)) == NULL) {
		strlcpy(why, "out of memory", whysize);
		return (-1);
	}
	if (json_take(copy, members, 2, why, whysize) == -1)
		goto done;
	if (strcmp(json_string_value(as), "box") == 0)
		q->ask.given = GIVEN_BOX;
	else if (strcmp(json_string_value(as), "id") == 0)
		q->ask.given = GIVEN_ID;
	if (q->ask.given == GIVEN_KEY)
		strlcpy(why, "what is given is a box or an id", whysize);
	else if (json_base64(data, MATERIAL_MAX, &q->material,
	    &q->materiallen, inner, sizeof(inner)) == -1)
		(void)snprintf(why, whysize, "what is given: %s", inner);
	else {
		q->ask.has_material = 1;
		digest(q->ask.material, q->material, q->materiallen);
		rc = 0;
	}
done:
	json_decref(copy);
	return (rc);
}

static int
question_version(struct question *q, const json_t *version, char *why,
    size_t whysize)
{
	json_int_t	 n = version == NULL ? 0 : json_integer_value(version);

	q->ask.version = (uint32_t)n;
	if (n >= 0 && n <= UINT32_MAX && (version == NULL || n > 0))
		return (0);
	strlcpy(why, "the version is no number from 1", whysize);
	return (-1);
}

static int
question_read(struct question *q, const struct members *m, char *why,
    size_t whysize)
{
	if (question_id(q, m->id, why, whysize) == -1 ||
	    question_created(q, m->created, why, whysize) == -1)
		return (-1);
	if (question_version(q, m->version, why, whysize) == -1 ||
	    question_given(q, m->given, why, whysize) == -1)
		return (-1);
	if (m->body != NULL && question_body(q, m->body, why, whysize) == -1)
		return (-1);
	return (question_filter(q, m->filter, why, whysize));
}

/* --- sending ------------------------------------------------------------- */

/* auth and the maker first, so that nothing is begun without its halves. */
static int
question_send(struct client *c, const struct question *q, uint64_t number)
{
	struct wbuf	 ask = { 0 }, w = { 0 };
	uint8_t		 sum[DIGEST_LEN];
	int		 rv = -1;

	wb_ask(&ask, &q->ask);
	if (ask.failed)
		goto done;
	digest(sum, ask.data, ask.len);
	if (q->material != NULL) {
		wb_u64(&w, number);
		wb_bytes(&w, q->material, q->materiallen);
		if (edge_send(edge_find(PROC_MAKER, 0), IMSG_MAKER_MATERIAL,
		    &w) == -1)
			goto done;
	}
	wb_u64(&w, number);
	wb_u32(&w, (uint32_t)c->uid);
	wb_digest(&w, sum);
	wb_bytes(&w, q->password, strlen(q->password));
	if (edge_send(edge_find(PROC_AUTH, 0), IMSG_AUTH_LOCAL, &w) == -1)
		goto done;
	wb_u64(&w, number);
	wb_str(&w, "local");
	wb_bytes_of(&w, &ask);
	rv = edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_ASK, &w);
done:
	wb_free(&w);
	wb_free(&ask);
	return (rv);
}

/* For the log: the command and what it is about, which is checked by now. */
static void
question_name(struct client *c, const struct ask *ask)
{
	char		 text[UUID_TEXT];
	const char	*about = ask->name;

	if (!uuid_isnil(&ask->id))
		about = uuid_format(&ask->id, text);
	(void)snprintf(c->what, sizeof(c->what), "%s%s%s", c->command->name,
	    about[0] != '\0' ? " " : "", about);
}

static void
request_ask(struct client *c, const struct members *m)
{
	struct question	 q;
	char		 why[OBJECT_WHY] = "";
	uint64_t	 number, ms = DEADLINE_REQUEST_MS;

	memset(&q, 0, sizeof(q));
	q.ask.op = c->command->op;
	if (question_read(&q, m, why, sizeof(why)) == -1) {
		answer_error(c, 400, why);
		goto done;
	}
	question_name(c, &q.ask);
	if (operation_makes(q.ask.op))
		ms = DEADLINE_MAKE_MS;
	number = request_number();
	if (question_send(c, &q, number) == -1) {
		answer_error(c, 503, "a part of the service is busy or being "
		    "started");
		goto done;
	}
	c->material = q.material != NULL;
	client_wait(c, WAITS_BROKER, number, ms + GRACE_MS);
done:
	free(q.policy);
	freezero(q.material, q.materiallen);
	explicit_bzero(&q, sizeof(q));
}

/* Evidence for a policy or a key: no question for auth, it changes nothing. */
static void
request_test(struct client *c, const struct members *m)
{
	struct object_evidence	 e = { 0 };
	struct question		 q;
	struct wbuf		 w = { 0 }, inner = { 0 };
	char			*text = NULL, why[OBJECT_WHY] = "";
	uint64_t		 number = request_number();
	size_t			 len;

	memset(&q, 0, sizeof(q));
	if (question_id(&q, m->id, why, sizeof(why)) == -1 ||
	    (text = json_write(m->body, &len)) == NULL ||
	    object_read_evidence(&e, EVIDENCE_EITHER, text, len, why,
	    sizeof(why)) == -1) {
		answer_error(c, why[0] != '\0' ? 400 : 503,
		    why[0] != '\0' ? why : "out of memory");
		goto done;
	}
	question_name(c, &q.ask);
	wb_evidence(&inner, &e.e);
	wb_u64(&w, number);
	wb_uuid(&w, &q.ask.id);
	wb_bytes_of(&w, &inner);
	if (edge_send(edge_find(PROC_BROKER, 0), IMSG_BROKER_TEST, &w) == -1)
		answer_error(c, 503, "the broker is busy or being started");
	else
		client_wait(c, WAITS_BROKER, number,
		    DEADLINE_REQUEST_MS + GRACE_MS);
done:
	wb_free(&inner);
	object_evidence_free(&e);
	free(text);
}

static json_int_t
level_most(const struct command *cmd)
{
	return (cmd->parent == COMMAND_SESSIONS ||
	    cmd->parent == COMMAND_LOCKOUTS ? UINT8_MAX : VERBOSE_MAX);
}

static void
request_parent(struct client *c, const struct members *m)
{
	struct wbuf	 w = { 0 };
	json_int_t	 level = 0;
	uint64_t	 number;

	if (m->level != NULL) {
		level = json_integer_value(m->level);
		if (level < 0 || level > level_most(c->command)) {
			answer_error(c, 400, "there is no such level or "
			    "page");
			return;
		}
	}
	if (m->name != NULL && json_string_length(m->name) >=
	    NAME_MAX_STORE) {
		answer_error(c, 400, "the name is too long");
		return;
	}
	number = request_number();
	wb_u64(&w, number);
	wb_u8(&w, c->command->parent);
	wb_u8(&w, (uint8_t)level);
	wb_str(&w, m->name != NULL ? json_string_value(m->name) : "");
	if (edge_send(edge_parent, IMSG_PARENT_COMMAND, &w) == -1) {
		answer_error(c, 503, "the parent is busy");
		return;
	}
	client_wait(c, WAITS_PARENT, number, DEADLINE_REQUEST_MS);
}

/* --- reading ------------------------------------------------------------- */

static const struct command *
command_find(const char *name)
{
	size_t	 i;

	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return (&commands[i]);
	return (NULL);
}

/* Each member that is there is one that the command takes, and the reverse. */
static int
members_check(const struct command *cmd, const struct members *m, char *why,
    size_t whysize)
{
	const struct {
		const char	*name;
		const json_t	*value;
		uint16_t	 bit;
		int		 required;
	} table[] = {
		{ "id",		m->id,		REQUEST_ID,	1 },
		{ "body",	m->body,	REQUEST_BODY | REQUEST_MAY_BODY,
		    (cmd->wants & REQUEST_BODY) != 0 },
		{ "filter",	m->filter,	REQUEST_FILTER,	0 },
		{ "level",	m->level,	REQUEST_LEVEL,	1 },
		{ "created",	m->created,	REQUEST_CREATED, 0 },
		{ "name",	m->name,	REQUEST_NAME,	1 },
		{ "given",	m->given,	REQUEST_GIVEN,	0 },
		{ "version",	m->version,	REQUEST_VERSION, 0 },
	};
	size_t	 i;
	int	 takes;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		takes = (cmd->wants & table[i].bit) != 0;
		if (takes && table[i].required && table[i].value == NULL) {
			(void)snprintf(why, whysize, "member \"%s\" is "
			    "missing", table[i].name);
			return (-1);
		}
		if (!takes && table[i].value != NULL) {
			(void)snprintf(why, whysize, "member \"%s\" does not "
			    "belong to this command", table[i].name);
			return (-1);
		}
	}
	return (0);
}

/* 0 when the client's command is known and its members are there. */
static int
request_read(struct client *c, json_t *line, struct members *m, char *why,
    size_t whysize)
{
	const struct json_member	 table[] = {
		{ "command",	JSON_MEMBER_STRING,	1, &m->command },
		{ "id",		JSON_MEMBER_STRING,	0, &m->id },
		{ "body",	JSON_MEMBER_OBJECT,	0, &m->body },
		{ "filter",	JSON_MEMBER_OBJECT,	0, &m->filter },
		{ "level",	JSON_MEMBER_INTEGER,	0, &m->level },
		{ "created",	JSON_MEMBER_STRING,	0, &m->created },
		{ "name",	JSON_MEMBER_STRING,	0, &m->name },
		{ "given",	JSON_MEMBER_OBJECT,	0, &m->given },
		{ "version",	JSON_MEMBER_INTEGER,	0, &m->version },
	};

	if (json_take(line, table, sizeof(table) / sizeof(table[0]), why,
	    whysize) == -1)
		return (-1);
	if ((c->command = command_find(json_string_value(m->command))) ==
	    NULL) {
		strlcpy(why, "unknown command: kbsctl and kbsd are not of "
		    "one version", whysize);
		return (-1);
	}
	strlcpy(c->what, c->command->name, sizeof(c->what));
	return (members_check(c->command, m, why, whysize));
}

void
request_line(struct client *c, char *text, size_t len)
{
	struct members	 m = { 0 };
	char		 why[OBJECT_WHY] = "";
	json_t		*line;

	control_counts.requests++;
	c->command = NULL;
	c->material = 0;
	strlcpy(c->what, "request", sizeof(c->what));
	if ((line = json_read(text, len, &limits, why, sizeof(why))) == NULL ||
	    request_read(c, line, &m, why, sizeof(why)) == -1)
		answer_error(c, 400, why);
	else if (c->command->parent == COMMAND_MAX)
		monitor_begin(c);
	else if (c->command->op == OP_NONE)
		request_parent(c, &m);
	else if (c->command->op == OP_TEST)
		request_test(c, &m);
	else
		request_ask(c, &m);
	json_decref(line);
}
