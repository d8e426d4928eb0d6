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
 * The fetcher process: HTTPS to one attestation service, or to who has the
 * collateral of Intel's quotes or of AMD's reports; or that lies in a
 * directory, and there is no network.  It judges nothing: what it brings is
 * believed only where it is signed under a configured root.  It goes to the
 * hosts of the configuration and nowhere else, whatever a certificate, an
 * answer or the verifier says.
 */
#ifndef FETCHER_H
#define FETCHER_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "http_client.h"
#include "kbsd.h"
#include "resolve.h"
#include "timer.h"
#include "trace.h"
#include "url.h"

struct event;

#define API_KEY_MAX	4096
#define GETS_MAX	256		/* of all verifiers together */
#define GETS_BYTES_MAX	(64u * 1024 * 1024)	/* bodies under way */
#define POLICY_IDS_MAX	(3 * POLICY_LIST_MAX)
#define MEMORIES_MAX	64		/* beside the key set */
#define VCEKS_MAX	1024		/* and of them, beside those */
#define CRL_HOSTS_MAX	64		/* in the configuration */
#define BODY_MAX	(256 * 1024)	/* key sets and CRLs */
#define TOKEN_BODY_MAX	(TOKEN_TEXT_MAX + 1024)
#define NONCE_BODY_MAX	(8 * 1024)
#define CHAIN_MAX	(16 * 1024)	/* issuers of a piece of collateral */
#define KEEP_MS		(60 * 60 * 1000) /* collateral */
#define RETRIES		2

/*
 * What is asked of others: what kbsd.h names, but for what is collateral,
 * which is these, in the order that GOT has them.
 */
enum part { PART_PCK_CRL = FETCH_MAX, PART_ROOT_CRL, PART_TCB_INFO,
	PART_QE_IDENTITY, PART_SNP_CHAIN, PART_SNP_CRL, PART_VCEK, ASK_MAX };
#define PART_OF_AMD	PART_SNP_CHAIN	/* from here on */
#define PARTS		(ASK_MAX - FETCH_MAX)
#define PARTS_MOST	4		/* of one answer */

/* --- conf.c ----------------------------------------------------------- */

struct settings {
	enum fetcher_kind kind;
	char		 name[NAME_MAX_STORE];	/* "": none has come */
	int		 directory;		/* collateral: no network */
	struct url	 api;			/* or the PCS, PCCS or KDS */
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

#define FMSPC_LEN	6
#define SNP_TCB_LEN	8
#define SNP_CHIP_LEN	64
#define ABOUT_MAX	(1 + SNP_TCB_LEN + SNP_CHIP_LEN)

/* Whose collateral; hex digits in lower case. */
struct platform {
	uint8_t		 tees;			/* one of them */
	char		 fmspc[2 * FMSPC_LEN + 1];
	int		 is_platform;		/* of Intel's two PCK CAs */
	uint8_t		 product;		/* SNP_MILAN, ... */
	uint8_t		 signer;		/* SNP_VCEK, ... */
	uint8_t		 tcb[SNP_TCB_LEN];	/* as in a report */
	char		 chip[2 * SNP_CHIP_LEN + 1];
};

/* What a verifier asks, as in kbsd.h. */
struct question {
	uint8_t		 what;
	uint8_t		 tees;
	uint32_t	 nids;
	char		(*ids)[UUID_TEXT];
	struct evidence	 evidence;		/* FETCH_ATTEST */
	struct platform	 platform;		/* collateral */
};

const char	*service_name(uint8_t what);
/* The most bytes an answer may have.  All three for parts, too. */
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
/* One DER SEQUENCE to the last byte. */
int		 service_der(const uint8_t *, size_t);
/* Add what the service says about an error to why, as far as it is text. */
void		 service_error(const uint8_t *, size_t, char *why,
		    size_t whysize);

/* --- pcs.c ------------------------------------------------------------ */

/* The body of FETCH_DCAP: -1 if it is malformed. */
int		 pcs_platform(struct platform *, uint8_t what, uint8_t tees,
		    const uint8_t *, size_t);
/* Where a part is, PCS or PCCS; NULL, or what is wrong. */
const char	*pcs_url(uint8_t part, const struct platform *, struct url *);
/* The header with the issuers of a part; NULL when it has none, or not. */
const char	*pcs_chain(uint8_t part, const struct http_answer *);
/* PEM out of such a header: its length, or -1 with why. */
ssize_t		 pcs_unescape(const char *, char *pem, size_t size,
		    char *why, size_t whysize);
/*
 * A part as GOT has it, when it and its issuers (PEM; of the root CRL there
 * are none) are of their form; -1 with why.
 */
int		 pcs_part(uint8_t part, const uint8_t *, size_t,
		    const char *pem, size_t pemlen, struct wbuf *, char *why,
		    size_t whysize);
/* NULL, or why it can't be certificates and nothing else. */
const char	*pcs_pem_wrong(const char *, size_t);
/* The same out of an answer with status 200; chain is that header. */
int		 pcs_read(uint8_t part, const char *chain, const uint8_t *,
		    size_t, struct wbuf *, char *why, size_t whysize);

/* --- kds.c: spec/snp-report.md "KDS" ---------------------------------- */

/* The body of FETCH_SNP or FETCH_VCEK: -1 if it is malformed. */
int		 kds_platform(struct platform *, uint8_t what, uint8_t tees,
		    const uint8_t *, size_t);
const char	*kds_product(uint8_t product);
/* "vcek" or "vlek" */
const char	*kds_signer(uint8_t signer);
/* As pcs_url() and pcs_part(). */
const char	*kds_url(uint8_t part, const struct platform *, struct url *);
int		 kds_part(uint8_t part, const uint8_t *, size_t,
		    struct wbuf *, char *why, size_t whysize);

/* --- directory.c ------------------------------------------------------ */

/* So many parts out of the files that lie here; -1 with why. */
int		 directory_read(const struct platform *, uint8_t first,
		    size_t n, struct wbuf *, char *why, size_t whysize);

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
/* It is for this request, whose trace may be known. */
void		 fetch_trace(struct fetch *, const struct request_name *);
void		 fetch_cancel(struct fetch *);

/* How it went with the outside; Unix seconds, 0: never. */
struct reached {
	int64_t		 good, bad;
	char		 why[REASON_TEXT_MAX];	/* of the last bad one */
};
extern struct reached	 reached;

/* --- memory.c --------------------------------------------------------- */

/* The key set, a CRL or a part of collateral, with all who want it. */
struct memory;

/* What has come of it; all of it is the memory's. */
struct held {
	uint8_t		 result;		/* GOT_* */
	uint16_t	 status;
	const char	*why;
	const uint8_t	*data;
	size_t		 len;
	uint64_t	 fetched;		/* Unix seconds */
};

struct wait {
	TAILQ_ENTRY(wait)	 entry;
	struct memory		*memory;	/* NULL: wants none */
	int			 queued;
	int			 refresh;	/* do not answer from memory */
	void			(*done)(void *, const struct held *);
	void			*arg;
};

void		 memory_init(void);
/*
 * done() is called once, now or when it has come; then it stays where it is
 * until memory_leave().  -1, and no done(): too many others are under way.
 */
int		 memory_get(struct wait *, uint8_t what, const struct url *);
/* What is held now, after done() has said that something is. */
void		 memory_held(const struct wait *, struct held *);
/* It is wanted no longer; allowed at any time. */
void		 memory_leave(struct wait *);

/* --- collateral.c ----------------------------------------------------- */

struct collateral;
struct get;

void		 collateral_init(void);
/* Whose fetcher is asked such; FETCHER_SERVICE's is the rest. */
enum fetcher_kind collateral_kind(uint8_t what);
/* What GET is about: -1 if it is malformed. */
int		 collateral_platform(struct platform *, uint8_t what,
		    uint8_t tees, const uint8_t *, size_t);
/* Answer get, now or later. */
void		 collateral_get(struct get *, const struct platform *);
/* Which part has not come. */
const char	*collateral_missing(const struct collateral *);
void		 collateral_free(struct collateral *);
/* A part out of an answer with status 200; -1 with why. */
int		 collateral_read(uint8_t part, const struct http_answer *,
		    struct wbuf *, char *why, size_t whysize);

/* --- get.c ------------------------------------------------------------ */

struct get {
	TAILQ_ENTRY(get)	 entry;
	struct edge		*edge;
	uint64_t		 tag;
	uint8_t			 what;
	uint8_t			 refresh;
	uint64_t		 deadline;
	size_t			 bytes;
	struct fetch		*fetch;		/* its own, or */
	struct wait		 wait;		/* for what others want, or */
	struct collateral	*collateral;	/* for several of these */
	struct event		*timer;
};

struct counts {
	uint64_t	 requests[ASK_MAX];	/* sent outside */
	uint64_t	 retries;
	uint64_t	 failed;
	uint64_t	 busy;
	uint64_t	 remembered;		/* answered from memory */
};
extern struct counts	 counts;

int		 get_take(struct edge *, struct rbuf *);
void		 get_down(struct edge *);
/* After this long there is an answer, whatever it waits for. */
void		 get_timer(struct get *);
void		 get_refuse(struct get *, uint8_t result, const char *what,
		    const char *why);
unsigned int	 get_count(void);
/* Answer and free; the body is borrowed. */
void		 get_answer(struct get *, uint8_t result, uint16_t status,
		    const char *why, const void *, size_t, uint64_t fetched);

#endif
