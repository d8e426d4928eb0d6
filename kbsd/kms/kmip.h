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
 * A keystore behind a KMIP server, 1.4 or 2.0, over mutual TLS.
 */
#ifndef KMIP_H
#define KMIP_H

#include <stddef.h>
#include <stdint.h>

#include "kms.h"
#include "ttlv.h"
#include "url.h"

#define KMIP_MESSAGE_MAX	(64 * 1024)
#define KMIP_WORD_MAX		256	/* user name, password, TLS words */

struct kmip_version {
	uint32_t	 major, minor;		/* 0.0: not known yet */
};

struct kmip_settings {
	struct host		 server;
	struct kmip_version	 version;	/* 0.0: to be asked */
	char			 user[KMIP_WORD_MAX];	/* "": no credential */
	char			 tls_name[KMIP_WORD_MAX];	/* "": server */
	char			 protocols[KMIP_WORD_MAX];	/* of TLS */
	uint8_t			 makes;		/* 1 << ALG_*: it does */
	int			 activate;	/* what was put */
};
extern struct kmip_settings	 kmip;

/* --- kmip_message.c: requests and responses ----------------------------- */

enum kmip_operation {
	KMIP_NOTHING = 0, KMIP_CREATE = 0x01, KMIP_CREATE_PAIR = 0x02,
	KMIP_REGISTER = 0x03, KMIP_LOCATE = 0x08, KMIP_GET = 0x0a,
	KMIP_ACTIVATE = 0x12, KMIP_REVOKE = 0x13, KMIP_DESTROY = 0x14,
	KMIP_QUERY = 0x18, KMIP_DISCOVER = 0x1e,
};

/* Result reasons that mean something to us. */
#define KMIP_NOT_FOUND		0x01
#define KMIP_DENIED		0x0c

/* All pointers are the asker's, and stay until it is answered. */
struct kmip_ask {
	enum kmip_operation	 operation;
	const char		*id;		/* GET, ACTIVATE, REVOKE, */
						/* DESTROY */
	const char		*name;		/* what makes keys, LOCATE */
	const char		*public;	/* CREATE_PAIR: its name */
	const struct key_record	*record;	/* what makes keys */
	const uint8_t		*material;	/* REGISTER */
	size_t			 materiallen;
};

struct kmip_answer {
	uint32_t	 status;		/* 0: success */
	uint32_t	 reason;
	char		 message[REASON_TEXT_MAX];
	int		 has_payload;
	struct ttlv	 payload;
};

/* What a server says of itself. */
struct kmip_offer {
	uint64_t	 operations;	/* 1 << enum kmip_operation; 0: all */
	char		 server[128];	/* "": it has no name */
};

/* Append a whole request message; password is a C string, or NULL. */
void		 kmip_request(struct wbuf *, const struct kmip_version *,
		    const char *user, const char *password,
		    const struct kmip_ask *);
/*
 * The length of the message that begins here, head included: 0 when more
 * bytes are needed to know it, -1 when it is no response, or too long.
 */
ssize_t		 kmip_length(const uint8_t *, size_t);
/* One whole message; NULL, or what is wrong with it. */
const char	*kmip_response(const uint8_t *, size_t, enum kmip_operation,
		    struct kmip_answer *);
/* Of payloads: NULL, or what is wrong. */
const char	*kmip_read_id(const struct kmip_answer *, char *, size_t);
/* Of CREATE_PAIR, that of the private half; these two: "" where none is. */
const char	*kmip_read_pair(const struct kmip_answer *, char *, size_t);
/*
 * Material of a record's kind, PKCS#8 for pairs, into secret memory of
 * MATERIAL_MAX bytes.
 */
const char	*kmip_read_key(const struct kmip_answer *,
		    const struct key_record *, uint8_t *material,
		    size_t *len);
/* The newest that both have; -1: none. */
int		 kmip_read_versions(const struct kmip_answer *,
		    struct kmip_version *);
const char	*kmip_read_offer(const struct kmip_answer *,
		    struct kmip_offer *);

/* --- kmip_hello.c: what a server is asked before all else --------------- */

void		 hello_init(void);
/*
 * What to ask now, and in which version; KMIP_NOTHING: all that waits may be
 * asked in that version.
 */
enum kmip_operation	 hello_next(const struct kmip_version **);
/* Its answer: NULL, or what is wrong with it. */
const char	*hello_answer(enum kmip_operation, const struct kmip_answer *);
/* Its name where the server said that it does not offer it; else NULL. */
const char	*hello_lacks(enum kmip_operation);
/* What of it the configuration needs, as a sentence; "": nothing. */
const char	*hello_missing(void);

/* --- kmip_wire.c: the connection, and what waits for its answers -------- */

struct op;

/*
 * done() gets the answer, or NULL with why none came; sent: it may have
 * happened all the same.  It is called once, from the loop.  What may be asked
 * twice (safe) is, when the connection ends.
 */
struct op	*wire_ask(const struct kmip_ask *, uint64_t deadline,
		    int safe, void (*done)(void *, const struct kmip_answer *,
		    const char *why, int sent), void *arg);
void		 wire_cancel(struct op *);
/* What went wrong last; "" where nothing did. */
const char	*wire_stage(void);
/* Certificate, key, CA and password (-1: none); dies on failure. */
void		 wire_open(int cert, int key, int ca, int password);
void		 wire_counters(struct wbuf *);

#endif
