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
 * What the load generator consists of: clients on loopback that ask as fast
 * as they are answered, and the CPU time that others spend on it.
 */
#ifndef BENCH_H
#define BENCH_H

#include <sys/types.h>

#include <openssl/ssl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/* --- client.c: one connection, request after request ---------------- */

enum load_mode { LOAD_PASSPORT, LOAD_BACKGROUND, LOAD_VERSION, LOAD_LOGIN };

struct plan {
	enum load_mode	  mode;
	int		  each;		/* a new connection each time */
	int		  port;
	const char	 *key;		/* its id */
	char		**bodies;	/* tokens or a login, as JSON */
	size_t		  nbodies;
	uint8_t		 *quote;	/* a TD's, version 4 */
	size_t		  quotelen;
	uint8_t		 *held;
	size_t		  heldlen;
	EVP_PKEY	 *ak;		/* attestation key; NULL: not signed */
	SSL_CTX		 *ctx;
};

struct client;

/* Called when a request has its answer; a background transfer has two. */
typedef void (*client_done)(uint64_t ns, size_t sent, size_t received);

struct client	*client_new(const struct plan *, size_t index, client_done);
/* Go on as far as possible and say what is waited for. */
void		 client_run(struct client *, struct pollfd *);

/* --- usage.c: CPU time of processes ---------------------------------- */

int		 usage_add(const char *namepid);
void		 usage_begin(void);
void		 usage_end(void);
/* By name, divided by n, and the sum of all. */
void		 usage_print(uint64_t n);

/* --- both ------------------------------------------------------------ */

uint64_t	 now_ns(void);
/* A whole file, with a NUL behind it; ends the program when it can't. */
uint8_t		*file_read(const char *name, size_t *len);

#endif
