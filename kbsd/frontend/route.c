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
 * Which method and path leads where, and what it wants.  Paths are compared
 * as they came: what is percent-encoded is another path, so that nobody can
 * read one differently than we do.
 */
#include <string.h>

#include "frontend.h"
#include "kbsd.h"

#define PREFIX		"/kbs/v1"
#define BODY_SMALL	(64 * 1024)
#define BODY_LARGE	EVIDENCE_MAX

#define ADMIN		(1 << ROLE_ALL | 1 << ROLE_ADMIN)
#define TRANSFER	(1 << ROLE_ALL | 1 << ROLE_TRANSFER)
#define ALL		(ADMIN | TRANSFER)

#define JSON		"application/json"
#define JWT		"application/jwt"
#define PEM		"application/x-pem-file"

/* In a pattern `*' is a version 4 UUID. */
static const struct route routes[] = {
	{ "GET", "/version", OP_NONE, ALL, 0, NULL, NULL, 0, ask_version },
	{ "POST", "/token", OP_LOGIN, ADMIN, ROUTE_BODY, JSON, JWT,
	    BODY_SMALL, ask_login },

	{ "POST", "/users", OP_USER_CREATE, ADMIN, ROUTE_AUTH | ROUTE_BODY,
	    JSON, JSON, BODY_SMALL, ask_user },
	{ "GET", "/users", OP_USER_SEARCH, ADMIN, ROUTE_AUTH, NULL, JSON,
	    BODY_SMALL, ask_search },
	{ "GET", "/users/*", OP_USER_FIND, ADMIN, ROUTE_AUTH, NULL, JSON,
	    BODY_SMALL, ask_plain },
	{ "PUT", "/users/*", OP_USER_UPDATE, ADMIN, ROUTE_AUTH | ROUTE_BODY,
	    JSON, JSON, BODY_SMALL, ask_user },
	{ "DELETE", "/users/*", OP_USER_DELETE, ADMIN, ROUTE_AUTH, NULL, NULL,
	    BODY_SMALL, ask_plain },

	{ "POST", "/key-transfer-policies", OP_POLICY_CREATE, ADMIN,
	    ROUTE_AUTH | ROUTE_BODY, JSON, JSON, BODY_SMALL, ask_policy },
	{ "GET", "/key-transfer-policies", OP_POLICY_SEARCH, ADMIN,
	    ROUTE_AUTH, NULL, JSON, BODY_SMALL, ask_search },
	{ "GET", "/key-transfer-policies/*", OP_POLICY_FIND, ADMIN,
	    ROUTE_AUTH, NULL, JSON, BODY_SMALL, ask_plain },
	{ "DELETE", "/key-transfer-policies/*", OP_POLICY_DELETE, ADMIN,
	    ROUTE_AUTH, NULL, NULL, BODY_SMALL, ask_plain },

	{ "POST", "/keys", OP_KEY_CREATE, ADMIN, ROUTE_AUTH | ROUTE_BODY |
	    ROUTE_LONG, JSON, JSON, BODY_SMALL, ask_key },
	{ "GET", "/keys", OP_KEY_SEARCH, ADMIN, ROUTE_AUTH, NULL, JSON,
	    BODY_SMALL, ask_search },
	{ "GET", "/keys/*", OP_KEY_FIND, ADMIN, ROUTE_AUTH, NULL, JSON,
	    BODY_SMALL, ask_plain },
	{ "PUT", "/keys/*", OP_KEY_MOVE, ADMIN, ROUTE_AUTH | ROUTE_BODY, JSON,
	    JSON, BODY_SMALL, ask_move },
	{ "DELETE", "/keys/*", OP_KEY_DELETE, ADMIN, ROUTE_AUTH, NULL, NULL,
	    BODY_SMALL, ask_plain },
	{ "POST", "/keys/*", OP_KEY_RELEASE, ADMIN, ROUTE_AUTH | ROUTE_BODY,
	    PEM, JSON, BODY_SMALL, ask_release },

	{ "POST", "/keys/*/transfer", OP_TRANSFER, TRANSFER, 0, JSON, JSON,
	    BODY_LARGE, ask_transfer },
};

#define NROUTES	(sizeof(routes) / sizeof(routes[0]))

/* Does the path fit?  A UUID in it is parsed. */
static int
match(struct http_slice path, const char *pattern, struct uuid *id)
{
	const char	*p = path.base;
	size_t		 left = path.len;

	if (left < sizeof(PREFIX) - 1 ||
	    memcmp(p, PREFIX, sizeof(PREFIX) - 1) != 0)
		return (0);
	p += sizeof(PREFIX) - 1;
	left -= sizeof(PREFIX) - 1;
	for (; *pattern != '\0'; pattern++) {
		if (*pattern == '*') {
			if (left < UUID_TEXT - 1 ||
			    uuid_parse(id, p, UUID_TEXT - 1) == -1)
				return (0);
			p += UUID_TEXT - 1;
			left -= UUID_TEXT - 1;
			continue;
		}
		if (left == 0 || *p != *pattern)
			return (0);
		p++;
		left--;
	}
	return (left == 0);
}

/*
 * 0 with *route and *id; 404; or 405 and the methods that the path has.
 */
int
route_find(const struct http_request *http, enum role role,
    const struct route **route, struct uuid *id, char *allow, size_t size)
{
	struct http_slice	 path = http->target.path;
	size_t			 i;

	*route = NULL;
	allow[0] = '\0';
	if (path.base == NULL)
		return (404);
	for (i = 0; i < NROUTES; i++) {
		if ((routes[i].roles & 1 << role) == 0 ||
		    !match(path, routes[i].pattern, id))
			continue;
		if (http_slice_is(http->method, routes[i].method)) {
			*route = &routes[i];
			allow[0] = '\0';
			return (0);
		}
		/* there are four: they fit */
		if (allow[0] != '\0')
			(void)strlcat(allow, ", ", size);
		(void)strlcat(allow, routes[i].method, size);
	}
	return (allow[0] != '\0' ? 405 : 404);
}
