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
 * The fetcher process: HTTPS to one attestation service.  It has the network
 * and judges nothing: what it brings is believed only where it is signed
 * under a configured root.  It goes to the hosts of the configuration and
 * nowhere else, whatever a certificate, an answer or the verifier says.
 */
#ifndef FETCHER_H
#define FETCHER_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "http_client.h"
#include "kbsd.h"
#include "resolve.h"
#include "timer.h"
#include "url.h"

struct event;

#define API_KEY_MAX	4096
#define GETS_MAX	256		/* of all verifiers together */
#define GETS_BYTES_MAX	(64u * 1024 * 1024)	/* bodies under way */
#define POLICY_IDS_MAX	(3 * POLICY_LIST_MAX)
#define CRLS_MAX	64		/* remembered */
#define CRL_HOSTS_MAX	64		/* in the configuration */
#define BODY_MAX	(256 * 1024)	/* key sets and CRLs */
#define TOKEN_BODY_MAX	(TOKEN_TEXT_MAX + 1024)
#define NONCE_BODY_MAX	(8 * 1024)
#define RETRIES		2

/* --- conf.c ----------------------------------------------------------- */

struct settings {
	char		 name[NAME_MAX_STORE];
	struct url	 api;
	struct url	 base;
	unsigned int	 version;		/* of the API */
	uint32_t	 retry_least;		/* ms */
	uint32_t	 retry_most;
	int		 has_proxy;
	struct url	 proxy;
	uint64_t	 interval;		/* ms between two fetches */
	unsigned int	 ncrl_hosts;
	struct host	 crl_hosts[CRL_HOSTS_MAX];
	char		*api_key;		/* a line; secret memory */
};
extern struct settings	 settings;

int		 conf_read(struct rbuf *);

/* --- service.c -------------------------------------------------------- */

/* What a verifier asks, as in kbsd.h. */
struct question {
	uint8_t		 what;
	uint8_t		 tees;
	uint32_t	 nids;
	char		(*ids)[UUID_TEXT];
	struct evidence	 evidence;
};

const char	*service_name(uint8_t what);
/* The most bytes an answer may have. */
size_t		 service_most(uint8_t what);
/* Whether the API key goes with it. */
int		 service_api(uint8_t what);
/*
 * URL and body (malloc'd, NULL for GET) of what is no CRL.  NULL, or why it
 * can't be asked.
 */
const char	*service_ask(const struct question *, struct url *,
		    char **body, size_t *bodylen);
/*
 * The URL of a CRL distribution point, if its host is one of the
 * configuration's.  NULL, or why not.
 */
const char	*service_crl(const char *text, struct url *);
/* The body of GOT out of an answer with status 200; -1 with why. */
int		 service_read(uint8_t what, const uint8_t *, size_t,
		    struct wbuf *, char *why, size_t whysize);
/* Add what the service says about an error to why, as far as it is text. */
void		 service_error(const uint8_t *, size_t, char *why,
		    size_t whysize);

/* --- retry.c ---------------------------------------------------------- */

struct fetch;

struct outcome {
	uint8_t		 result;		/* GOT_* */
	uint16_t	 status;		/* 0: none */
	char		 why[REASON_TEXT_MAX];
	struct wbuf	 body;			/* for GOT */
};

/*
 * One request to the service with its retries, until deadline.  Takes body
 * over.  done() is called once, from the loop.  NULL on no memory.
 */
struct fetch	*fetch_start(uint8_t what, const struct url *, char *body,
		    size_t bodylen, uint64_t deadline,
		    void (*done)(void *, struct outcome *), void *);
void		 fetch_cancel(struct fetch *);

/* --- memory.c --------------------------------------------------------- */

/* The key set or a CRL, with all who wait for it. */
struct memory;
struct get;

void		 memory_init(void);
/* What holds this URL, NULL when too many others are under way. */
struct memory	*memory_find(uint8_t what, const struct url *);
/* Answer get now or when it has come. */
void		 memory_get(struct memory *, struct get *);
/* get waits no longer. */
void		 memory_leave(struct memory *, struct get *);

/* --- get.c ------------------------------------------------------------ */

struct get {
	TAILQ_ENTRY(get)	 entry;
	TAILQ_ENTRY(get)	 waitentry;	/* memory.c's */
	struct edge		*edge;
	uint64_t		 tag;
	uint8_t			 what;
	uint8_t			 refresh;
	uint64_t		 deadline;
	size_t			 bytes;
	struct fetch		*fetch;		/* its own, or */
	struct memory		*memory;	/* what it waits for */
	struct event		*timer;
};

struct counts {
	uint64_t	 requests[FETCH_MAX];	/* sent outside */
	uint64_t	 retries;
	uint64_t	 failed;
	uint64_t	 busy;
	uint64_t	 remembered;		/* answered from memory */
};
extern struct counts	 counts;

int		 get_take(struct edge *, struct rbuf *);
void		 get_down(struct edge *);
unsigned int	 get_count(void);
/* Answer and free; the body is borrowed. */
void		 get_answer(struct get *, uint8_t result, uint16_t status,
		    const char *why, const void *, size_t, uint64_t fetched);

#endif
