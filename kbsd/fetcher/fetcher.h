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

#include "kbsd.h"

struct event;

#define URL_MAX		2048
#define HOST_MAX	256
#define RESOLVE_MAX	1024

#define GETS_MAX	256		/* of all verifiers together */
#define GETS_BYTES_MAX	(64u * 1024 * 1024)	/* bodies under way */
#define POLICY_IDS_MAX	(3 * POLICY_LIST_MAX)
#define CRLS_MAX	64		/* remembered */
#define CRL_HOSTS_MAX	64		/* in the configuration */
#define BODY_MAX	(256 * 1024)	/* key sets and CRLs */
#define TOKEN_BODY_MAX	(TOKEN_TEXT_MAX + 1024)
#define NONCE_BODY_MAX	(8 * 1024)
#define RETRIES		2

/* --- url.c ------------------------------------------------------------ */

struct host {
	char		 name[HOST_MAX];	/* lower case, no brackets */
	uint16_t	 port;
};

struct url {
	char		 text[URL_MAX];		/* as libcurl reads it */
	struct host	 host;
	int		 numeric;		/* the host is an address */
};

/* NULL, or what is wrong with it.  Only https but for proxies. */
const char	*url_parse(struct url *, const char *text);
const char	*url_parse_proxy(struct url *, const char *text);
/* HOST or HOST:PORT, 443 where there is none. */
const char	*host_parse(struct host *, const char *text);
int		 host_same(const struct host *, const struct host *);
/* A path behind one of the configuration's; NULL, or what is wrong. */
const char	*url_append(struct url *, const struct url *, const char *path);

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
};
extern struct settings	 settings;

int		 conf_read(struct rbuf *);

/* --- timer.c ---------------------------------------------------------- */

/* A one-shot timer ms from now; they die without memory. */
struct event	*timer_new(void (*)(int, short, void *), void *);
void		 timer_set(struct event *, uint64_t ms);

/* --- names.c ---------------------------------------------------------- */

struct name_wait;

/* Reads resolv.conf and hosts: before the chroot. */
void		 names_init(void);
/*
 * Look a host up.  found() gets the text for CURLOPT_RESOLVE, or NULL and
 * why not; if that is at once, NULL is returned, else what names_cancel()
 * takes.
 */
struct name_wait *names_find(const struct host *,
		    void (*found)(void *, const char *resolve,
		    const char *why), void *);
void		 names_cancel(struct name_wait *);

/* --- http.c ----------------------------------------------------------- */

struct http;

struct http_ask {
	const struct url	*url;
	const char		*resolve;	/* NULL: not needed */
	const char		*body;		/* POST; NULL: GET */
	size_t			 bodylen;
	size_t			 most;		/* bytes of the answer */
	int			 api;		/* with the API key */
};

struct http_answer {
	long		 status;		/* 0: none came */
	const uint8_t	*data;
	size_t		 len;
	char		 why[REASON_TEXT_MAX];	/* "": all of it came */
};

/* Before the chroot. */
void		 http_init(void);
/* The API key, and whom to trust: both are read and checked. */
void		 http_secrets(int api_key_fd, int ca_fd);
/*
 * One exchange.  What ask points to stays until done(), which is called from
 * the loop, never from here.  NULL on no memory.
 */
struct http	*http_start(const struct http_ask *,
		    void (*done)(void *, const struct http_answer *), void *);
void		 http_cancel(struct http *);
/* How far it is, for the reason of a timeout. */
const char	*http_stage(struct http *);

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
	uint64_t	 connections;
};
extern struct counts	 counts;

int		 get_take(struct edge *, struct rbuf *);
void		 get_down(struct edge *);
unsigned int	 get_count(void);
/* Answer and free; the body is borrowed. */
void		 get_answer(struct get *, uint8_t result, uint16_t status,
		    const char *why, const void *, size_t, uint64_t fetched);

#endif
