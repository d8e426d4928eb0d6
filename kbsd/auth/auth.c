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
 * The auth process: users, tokens, lockout, permissions.  It holds the token
 * key and the seal key and reads files only before its sandbox closes.  What
 * strangers send it, it gets from the frontends as name, password and token;
 * it never sees keys, and passwords only until the hasher, the other process
 * of this program, has them.
 */

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth.h"
#include "log.h"
#include "secret.h"

#define LOCKED_HEAP	(256 * 1024)
/* Rows of one user, lockout, policy and key, or an ask with its policy. */
#define ROWS_MAX	(256 * 1024)
#define ASK_MAX		(128 * 1024)
#define NAME_LEN	12
#define NELEMENTS(a)	(sizeof(a) / sizeof((a)[0]))

static int	 token_fd = -1, seal_fd = -1, password_fd = -1;
static int	 recipient_fd = -1;

/* --- edges of auth ------------------------------------------------------ */

static void
front_down(struct edge *edge)
{
	login_front_down(edge);
	request_front_down(edge);
}

static void
peer_up(struct edge *edge)
{
	(void)edge;
	admin_try();
}

static void
broker_down(struct edge *edge)
{
	(void)edge;
	request_broker_down();
	rows_down();
}

static void
hasher_down(struct edge *edge)
{
	(void)edge;
	hash_down();
}

static const struct edge_rule frontend_rules[] = {
	{ IMSG_AUTH_LOGIN, 8 + 3 * 4, ASK_MAX,	login_ask },
	{ IMSG_AUTH_CLAIM, 8 + 4 + DIGEST_LEN + 4, ASK_MAX, request_claim },
};

static const struct edge_rule control_rules[] = {
	{ IMSG_AUTH_LOCAL, 8 + 4 + DIGEST_LEN + 4, ASK_MAX, request_local },
};

static const struct edge_rule broker_rules[] = {
	{ IMSG_AUTH_ASKED,    NAME_LEN + 2 * 4,	ASK_MAX,  request_asked },
	{ IMSG_AUTH_LEFTOVER, NAME_LEN + 2 * 4,	ASK_MAX,  grant_leftover },
	{ IMSG_AUTH_ROWS,     8 + 4 * 4 + 1, ROWS_MAX, rows_found },
	{ IMSG_AUTH_ROW_DONE, 8 + 1,		8 + 1,	  rows_done },
};

static const struct edge_rule hasher_rules[] = {
	{ IMSG_AUTH_HASHED, 8 + 1 + 4, 8 + 1 + 4 + HASH_TEXT, hash_hashed },
};

static const struct edge_table auth_edges[] = {
	{
		.peer = PROC_FRONTEND,
		.rules = frontend_rules,
		.nrules = NELEMENTS(frontend_rules),
		.down = front_down,
	},
	{
		.peer = PROC_CONTROL,
		.rules = control_rules,
		.nrules = NELEMENTS(control_rules),
		.down = front_down,
	},
	{
		.peer = PROC_BROKER,
		.rules = broker_rules,
		.nrules = NELEMENTS(broker_rules),
		.up = peer_up,
		.down = broker_down,
	},
	{
		.peer = PROC_HASHER,
		.rules = hasher_rules,
		.nrules = NELEMENTS(hasher_rules),
		.up = peer_up,
		.down = hasher_down,
	},
	/* They get grants and have nothing to say. */
	{ .peer = PROC_ENGINE },
	{ .peer = PROC_MAKER },
};

/* --- start of auth ------------------------------------------------------ */

static int
auth_descriptor(uint32_t role, int fd)
{
	static const struct {
		uint32_t	 role;
		int		*fd;
	} roles[] = {
		{ FD_TOKEN_KEY,		&token_fd },
		{ FD_SEAL_KEY,		&seal_fd },
		{ FD_ADMIN_PASSWORD,	&password_fd },
		{ FD_BACKUP_RECIPIENT,	&recipient_fd },
	};
	size_t	 i;

	if (role == FD_IDP_JWKS)
		return (issuer_add_keys(fd));
	for (i = 0; i < NELEMENTS(roles); i++)
		if (roles[i].role == role && *roles[i].fd == -1) {
			*roles[i].fd = fd;
			return (0);
		}
	return (-1);
}

static void
load_seal_key(void)
{
	uint8_t	*key;
	int	 made;

	if ((key = secret_read_or_make(seal_fd, DIGEST_LEN, &made)) == NULL)
		fatal("the seal key of auth");
	if (made)
		log_info("made a seal key");
	seal_init(key, DIGEST_LEN);
	secret_free(key);
}

static void
auth_secrets(void)
{
	if (token_fd == -1 || seal_fd == -1)
		fatalx("no files for the keys");
	secret_openssl(LOCKED_HEAP);
	/*
	 * Not json_init(): libjwt gives to free(3) what jansson allocates, so
	 * it must be malloc(3)'s.  No JSON here holds a secret.
	 */
	json_object_seed((size_t)arc4random() | 1);
	load_seal_key();
	if (recipient_fd != -1)
		seal_backup_init(recipient_fd);
	token_init(token_fd);
	issuer_load();
	admin_secret(password_fd);
	close(seal_fd);
	close(token_fd);
	if (password_fd != -1)
		close(password_fd);
}

static void
auth_counters(struct wbuf *w)
{
	const struct {
		const char	*name;
		uint64_t	 v;
	} counts[] = {
		{ "logins",		auth_counts.logins },
		{ "logins wrong",	auth_counts.wrong },
		{ "logins locked",	auth_counts.locked },
		{ "logins waiting",	login_count() },
		{ "busy",		auth_counts.busy },
		{ "granted",		auth_counts.granted },
		{ "refused",		auth_counts.refused },
		{ "requests waiting",	request_count() },
		{ "unmatched",		auth_counts.unmatched },
		{ "not sealed",		auth_counts.unsealed },
		{ "limited requests_per_user", auth_counts.limited },
	};
	size_t	 i;

	for (i = 0; i < NELEMENTS(counts); i++) {
		wb_str(w, counts[i].name);
		wb_u64(w, counts[i].v);
	}
}

static void
auth_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	(void)page;
	if (what != SHOW_LIMITS)
		return;
	show_limit(cells, rows, "logins at once", LOGINS_MAX, login_count(),
	    "");
	show_limit(cells, rows, "failed logins until a lockout",
	    auth_conf.attempts, -1, "");
	show_limit(cells, rows, "in which they count", auth_conf.interval, -1,
	    "seconds");
	show_limit(cells, rows, "lockout", auth_conf.lockout, -1, "seconds");
	show_limit(cells, rows, "life of a token", auth_conf.lifetime, -1,
	    "seconds");
}

/* --- the hasher --------------------------------------------------------- */

static const struct edge_rule auth_rules[] = {
	{ IMSG_HASHER_HASH,  8 + 4 + 1, 8 + 4 + PASSWORD_MAX, hasher_hash },
	{ IMSG_HASHER_CHECK, 8 + 4 + 1 + 4, 8 + 4 + PASSWORD_MAX + 4 +
	    HASH_TEXT, hasher_check },
};

static const struct edge_table hasher_edges[] = {
	{
		.peer = PROC_AUTH,
		.rules = auth_rules,
		.nrules = NELEMENTS(auth_rules),
	},
};

static const struct process processes[] = {
	{
		.kind = PROC_AUTH,
		.edges = auth_edges,
		.nedges = NELEMENTS(auth_edges),
		.config = conf_read,
		.descriptor = auth_descriptor,
		.secrets = auth_secrets,
		.counters = auth_counters,
		.show = auth_show,
	},
	{
		.kind = PROC_HASHER,
		.nice = NICE,
		.edges = hasher_edges,
		.nedges = NELEMENTS(hasher_edges),
		.config = hasher_config,
		.secrets = hasher_secrets,
		.counters = hasher_counters,
	},
};

int
main(int argc, char *argv[])
{
	process_main(processes, NELEMENTS(processes), argc, argv);
}
