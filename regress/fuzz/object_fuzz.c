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
 * The first byte picks a body of the contract, the rest is the body.  What is
 * taken must pass the readers that another process will put it through.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "object.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_ask(const struct ask *ask)
{
	struct ask	 got;
	struct wbuf	 wb = { 0 };
	struct rbuf	 rb;

	wb_ask(&wb, ask);
	if (wb.failed)
		abort();
	rb_init(&rb, wb.data, wb.len);
	rb_ask(&rb, &got);
	if (rb_end(&rb) == -1)
		abort();
	wb_free(&wb);
}

static void
check_evidence(const struct evidence *e)
{
	struct evidence	 got;
	struct wbuf	 wb = { 0 };
	struct rbuf	 rb;

	wb_evidence(&wb, e);
	if (wb.failed)
		abort();
	rb_init(&rb, wb.data, wb.len);
	rb_evidence(&rb, &got);
	if (rb_end(&rb) == -1)
		abort();
	wb_free(&wb);
}

static int
key(const char *text, size_t len, char *why, size_t whysize)
{
	struct ask	 ask = { 0 };
	uint8_t		*material;
	size_t		 n;
	int		 rc;

	rc = object_read_key(&ask, &material, &n, text, len, why, whysize);
	if (rc == 0)
		check_ask(&ask);
	else if (material != NULL || ask.op != OP_NONE)
		abort();
	freezero(material, n);
	return (rc);
}

static int
move(const char *text, size_t len, char *why, size_t whysize)
{
	struct ask	 ask = { 0 };
	int		 rc;

	if ((rc = object_read_move(&ask, text, len, why, whysize)) == 0)
		check_ask(&ask);
	return (rc);
}

static int
user(const char *text, size_t len, char *why, size_t whysize, uint8_t op)
{
	struct ask	 ask = { 0 };
	char		 password[PASSWORD_MAX + 1];
	int		 rc;

	rc = object_read_user(&ask, op, password, text, len, why, whysize);
	if (rc == 0)
		check_ask(&ask);
	else if (password[0] != '\0')
		abort();
	if (ask.has_password && strlen(password) < PASSWORD_MIN)
		abort();
	return (rc);
}

static int
user_new(const char *text, size_t len, char *why, size_t whysize)
{
	return (user(text, len, why, whysize, OP_USER_CREATE));
}

static int
user_changed(const char *text, size_t len, char *why, size_t whysize)
{
	return (user(text, len, why, whysize, OP_USER_UPDATE));
}

static int
login(const char *text, size_t len, char *why, size_t whysize)
{
	char	 name[NAME_MAX_USER], password[PASSWORD_MAX + 2];
	int	 rc;

	rc = object_read_login(name, password, text, len, why, whysize);
	if (rc == 0 && (name[0] == '\0' || password[0] == '\0'))
		abort();
	return (rc);
}

static int
policy(const char *text, size_t len, char *why, size_t whysize)
{
	struct ask	 ask = { 0 };
	char		*canonical;
	int		 rc;

	rc = object_read_policy(&ask, &canonical, text, len, why, whysize);
	if (rc == 0)
		check_ask(&ask);
	free(canonical);
	return (rc);
}

static int
evidence(const char *text, size_t len, char *why, size_t whysize,
    uint8_t tees)
{
	struct object_evidence	 e;
	int			 rc;

	rc = object_read_evidence(&e, tees, text, len, why, whysize);
	if (rc == 0)
		check_evidence(&e.e);
	object_evidence_free(&e);
	return (rc);
}

static int
quote(const char *text, size_t len, char *why, size_t whysize)
{
	return (evidence(text, len, why, whysize, TEE_TDX));
}

static int
token(const char *text, size_t len, char *why, size_t whysize)
{
	return (evidence(text, len, why, whysize, 0));
}

static int	 (*const bodies[])(const char *, size_t, char *, size_t) = {
	key, move, user_new, user_changed, login, policy, quote, token,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int	 ready;
	char		 why[OBJECT_WHY] = "";
	size_t		 which;

	if (!ready++)
		json_init();
	if (size == 0)
		return (0);
	which = data[0] % (sizeof(bodies) / sizeof(bodies[0]));
	if (bodies[which]((const char *)data + 1, size - 1, why,
	    sizeof(why)) == -1 && why[0] == '\0')
		abort();
	return (0);
}
