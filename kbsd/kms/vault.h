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
 * A keystore in Vault or OpenBao: its KV engine, version 1 as the reference
 * server uses it, or version 2 with check-and-set.
 */
#ifndef VAULT_H
#define VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "kms.h"
#include "url.h"

#define VAULT_SERVERS_MAX	8
#define VAULT_NAME_MAX		256	/* mount, namespace, role id */
#define VAULT_TOKEN_MAX		4096
#define VAULT_BODY_MAX		(64 * 1024)

struct vault_settings {
	unsigned int	 nservers;
	struct url	 servers[VAULT_SERVERS_MAX];
	char		 mount[VAULT_NAME_MAX];
	char		 namespace[VAULT_NAME_MAX];	/* "": none */
	unsigned int	 version;		/* of KV; 0: to be asked */
	char		 role_id[VAULT_NAME_MAX];	/* "": no AppRole */
	char		 login[VAULT_NAME_MAX];	/* where AppRole is mounted */
};
extern struct vault_settings	 vault;

/* --- vault_call.c: one call, with its retries -------------------------- */

struct call;

struct reply {
	long		 status;	/* 0: none came, and why says so */
	const uint8_t	*data;
	size_t		 len;
	const char	*why;		/* what Vault says of an error, too */
};

/* No token goes with it. */
#define CALL_BARE	0x1

/*
 * For a request, or NULL.
 * method and path ("/v1/...") stay until it is over; body is malloc'd, taken
 * over and wiped.  An answer that will be the same the next time is a reply;
 * all else is tried again, at each server in turn, until the deadline.
 * done() is called once, from the loop.  NULL on no memory.
 */
struct call	*call_start(const struct request_name *, const char *method,
		    const char *path, char *body, size_t bodylen,
		    uint64_t deadline, int flags,
		    void (*done)(void *, const struct reply *), void *arg);
void		 call_cancel(struct call *);
/* What went wrong last; "" where nothing did. */
const char	*call_stage(const struct call *);
void		 call_counters(struct wbuf *);

/* --- vault_session.c: the token, and which KV it is -------------------- */

/* fd: the token, or AppRole's secret id.  Before the sandbox closes. */
void		 session_open(int fd);
void		 session_run(void);
/* The line of the head; secret memory. */
char		*session_header(void);
/* Rises with each new token. */
unsigned int	 session_token(void);
int		 session_ready(void);
/*
 * Make it ready.  vault_ready() or vault_unready() tells all who wait, not
 * before the caller is done.
 */
void		 session_want(void);
/* What it waits for, as call_stage() has it. */
const char	*session_stage(void);
/* A call with this token was refused: is it the token? */
void		 session_doubt(unsigned int token);
/* A call found no such path: is the mount what it was taken for? */
void		 session_doubt_mount(void);
/* Seconds until the token ends; 0: it does not, or nobody knows. */
uint64_t	 session_ends(void);
void		 session_counters(struct wbuf *);

/* --- vault_value.c: what lies there ------------------------------------ */

/*
 * Material out of an answer, into secret memory of MATERIAL_MAX bytes.  NULL,
 * or what is wrong with it.  *none: there is no such key.
 */
const char	*value_read(const struct key_record *, unsigned int version,
		    const uint8_t *, size_t, uint8_t *material, size_t *len,
		    int *none);
/* The body of a write; malloc'd, to be wiped; NULL on no memory. */
char		*value_write(const struct key_record *, unsigned int version,
		    const uint8_t *material, size_t, size_t *len);
/*
 * The errors of an answer, or else its warnings, as one line of plain text; ""
 * where there are none: that is how a key that is not there differs from a
 * mount that is not, or is of the other version.
 */
void		 value_errors(const uint8_t *, size_t, char *text, size_t);

/* --- vault.c ------------------------------------------------------------ */

void		 vault_ready(void);
void		 vault_unready(const char *why);

#endif
