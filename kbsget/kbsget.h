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
 * kbsget: what a workload runs inside its enclave or virtual machine to get
 * its key.  One process, no privileges: it holds the workload's private key
 * and, for a moment, the released key.
 */
#ifndef KBSGET_H
#define KBSGET_H

#include <sys/types.h>

#include <limits.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define KBSGET_DONE		0
#define KBSGET_DENIED		1	/* refused, or failed on this side */
#define KBSGET_USAGE		2
#define KBSGET_NOCONNECTION	3

#define URL_HOST_MAX		253	/* RFC 1035 section 2.3.4, as text */
#define URL_PATH_MAX		512

#define RESPONSE_LINE_MAX	4096
#define RESPONSE_HEAD_MAX	(16 * 1024)
#define RESPONSE_BODY_MAX	(64 * 1024)

#define REQUEST_SECONDS		60	/* the server gives itself 30 */
#define QUOTE_SECONDS		60
#define QUOTE_MAX		(64 * 1024)
#define CERTIFICATES_MAX	(64 * 1024)	/* behind an SNP report */
#define REPORT_DATA_LEN		64
#define ATTR_TEXT		64	/* of a name or a number, with NUL */

#define TOKEN_MAX		(256 * 1024)
#define EVENTLOG_MAX		(256 * 1024)
#define CA_MAX			(1024 * 1024)
#define PEM_MAX			(16 * 1024)

#define KEY_BITS		3072
#define KEY_BITS_MIN		2049	/* what the server asks for */
#define KEY_BITS_MAX		8192
#define HELD_MAX		(4 + KEY_BITS_MAX / 8)
#define RELEASED_MAX		(16 * 1024)
#define KEYSPEC_MAX		255
#define WAIT_MAX		86400	/* seconds, of -w */

enum tee {
	TEE_NONE,
	TEE_SGX,
	TEE_TDX,
	TEE_SNP,
};

/* url.c */
struct url {
	char	 host[URL_HOST_MAX + 1];	/* IPv6 without brackets */
	char	 port[6];
	char	 path[URL_PATH_MAX + 1];	/* "" or "/base" */
	int	 v6;
};

/* Returns 0, or -1 with a sentence in *why. */
int	 url_parse(struct url *, const char *, const char **why);
/* host:port as a Host header has it (RFC 9110 section 7.2). */
int	 url_authority(const struct url *, char *, size_t);

/* response.c */
enum response_state {
	RESPONSE_STATUS,
	RESPONSE_HEADER,
	RESPONSE_BODY,
	RESPONSE_CHUNK_SIZE,
	RESPONSE_CHUNK,
	RESPONSE_CHUNK_END,
	RESPONSE_TRAILER,
	RESPONSE_DONE,
};

struct response {
	int			 status;
	char			 attestation_type[64];
	char			 request_id[128];
	unsigned int		 retry_after;	/* seconds, 0 unknown */
	int			 json;		/* Content-Type says so */
	uint8_t			*body;
	size_t			 bodylen;

	/* the parser's own */
	enum response_state	 state;
	char			 line[RESPONSE_LINE_MAX + 1];
	size_t			 linelen;
	int			 cr;
	size_t			 headlen;
	int			 has_length;
	int			 chunked;
	size_t			 left;		/* of the body or the chunk */
	const char		*why;
};

void	 response_init(struct response *);
/*
 * Feed what has come.  Returns 0 while more is wanted, 1 when the response is
 * whole, -1 with the reason in ->why.  Bytes behind the end are an error.
 */
int	 response_feed(struct response *, const void *, size_t);
void	 response_free(struct response *);

/* request.c */
struct request {
	const struct url	*url;
	uint8_t			*ca;		/* NULL: the system's */
	size_t			 calen;
	const char		*ca_name;	/* for error texts */
	const char		*path;
	const char		*attestation_type;	/* NULL: no header */
	const char		*body;		/* NULL: none */
	size_t			 bodylen;
	unsigned int		 seconds;
};

#define REQUEST_UNREACHED	(-2)

/*
 * POST and wait for the answer.  0 with a whole response of whatever status,
 * or, after having said what is wrong, -1, or REQUEST_UNREACHED when there
 * was nothing to connect to.  response_free in all cases.
 */
int	 request_post(const struct request *, struct response *);
/* Milliseconds that never run back. */
int64_t	 request_now(void);

/* evidence.c */
enum tee tee_parse(const char *, size_t);
const char *tee_name(enum tee);
/*
 * Which TEE an Attestation-Type header asks for; it may be a list.  TEE_NONE
 * with *why when there is none that kbsget can serve.
 */
enum tee tee_header(const char *, const char **why);
/* val, iat: the decoded bytes of the verifier's nonce. */
int	 report_data(enum tee, const uint8_t *val, size_t vallen,
	    const uint8_t *iat, size_t iatlen, const uint8_t *held,
	    size_t heldlen, uint8_t [REPORT_DATA_LEN]);
/*
 * Run a shell command that makes a quote.  0 with a malloc'd quote, or -1
 * after having said what is wrong.
 */
int	 quote_run(const char *command, const uint8_t [REPORT_DATA_LEN],
	    unsigned int seconds, uint8_t **, size_t *);
/* From a signal handler: end what quote_run has started. */
void	 quote_kill(void);

/* attr.c */
/*
 * Files of a directory that is open.  All return -1 with errno.  attr_read
 * takes at most max bytes (EFBIG when there are more) and returns how many
 * there were, perhaps none.
 */
ssize_t	 attr_read(int dir, const char *name, void *, size_t max);
/*
 * What was read as one word and perhaps a line end, which goes; ENODATA or
 * EILSEQ when it isn't that.  There is room for a NUL behind.
 */
int	 attr_word(char *, size_t len);
int	 attr_text(int dir, const char *name, char *, size_t);
/* Digits only; ERANGE above 64 bits. */
int	 attr_decimal(const char *, uint64_t *);
int	 attr_number(int dir, const char *name, uint64_t *);
/* In one piece, and the file closed: that is when a kernel looks at it. */
int	 attr_write(int dir, const char *name, const void *, size_t);

/* tsm.c, gramine.c */
/*
 * Which TEE answers in dir, and evidence of it, in a buffer that has room for
 * QUOTE_MAX + CERTIFICATES_MAX bytes.  TEE_NONE or -1 after having said what
 * is wrong.  For SNP the evidence is the report, then its certificate table.
 */
enum tee tsm_tee(const char *dir);
int	 tsm_quote(const char *dir, enum tee, const uint8_t [REPORT_DATA_LEN],
	    uint8_t *, size_t *);
enum tee gramine_tee(const char *dir);
int	 gramine_quote(const char *dir, enum tee,
	    const uint8_t [REPORT_DATA_LEN], uint8_t *, size_t *);
/* From a signal handler: remove the report that is open. */
void	 tsm_unlink(void);

/* source.c */
struct source {
	const char	*command;	/* NULL: what the machine has */
	enum tee	 tee;		/* TEE_NONE: known to the command */
	int		 number;
	char		 dir[PATH_MAX];
};

/*
 * Find what makes quotes: the command, or what lies below root ("" but in
 * tests).  -1 after having said what is wrong.
 */
int	 source_find(struct source *, const char *command, const char *root);
/* Have a quote made, malloc'd; -1 after having said what is wrong. */
int	 source_quote(const struct source *, const uint8_t [REPORT_DATA_LEN],
	    uint8_t **, size_t *);

/* keypair.c */
EVP_PKEY *keypair_make(void);
/* These say what is wrong themselves. */
EVP_PKEY *keypair_load(const char *path);
int	 keypair_save(EVP_PKEY *, const char *path);
/* NULL, or what a server would have against this key. */
const char *keypair_check(EVP_PKEY *);
/* LE32(e) || n; returns the length or -1. */
ssize_t	 keypair_held(EVP_PKEY *, enum tee, uint8_t *, size_t);

/* unwrap.c */
/*
 * Take the server's answer apart and decrypt.  *key is secret memory
 * (secret_free).  -1 with a sentence in *why.
 */
int	 unwrap(EVP_PKEY *, const uint8_t *wrapped_key, size_t,
	    const uint8_t *wrapped_swk, size_t, uint8_t **key, size_t *,
	    const char **why);
/* The same from the JSON of a transfer. */
int	 unwrap_json(EVP_PKEY *, const char *, size_t, uint8_t **key, size_t *,
	    const char **why);
/* PKCS#8 DER to PEM, in secret memory; -1 when it isn't PKCS#8. */
int	 unwrap_pem(const uint8_t *, size_t, uint8_t **pem, size_t *);

/* keyspec.c */
struct keyspec {
	int32_t		 ring;		/* KEYRING_ */
	const char	*type;
	const char	*description;	/* of the text that was parsed */
};

/* [@RING::][%TYPE:]DESCRIPTION; -1 with a sentence in *why. */
int	 keyspec_parse(struct keyspec *, const char *, const char **why);
/* Will it go?  And put it there.  -1 after having said what is wrong. */
int	 keyspec_check(const struct keyspec *);
int	 keyspec_put(const struct keyspec *, const void *, size_t);

/* file.c */
struct output {
	const struct keyspec	*key;	/* NULL: a file */
	const char		*path;	/* NULL: standard output */
	char			*temp;
	int			 fd;
};

/*
 * A whole file, at most max bytes, malloc'd, one NUL more than *len; "-" is
 * standard input.  NULL after having said what is wrong.
 */
uint8_t	*file_read(const char *path, size_t max, size_t *len);
/* Make the temporary file, so that what can fail fails before the request. */
int	 output_open(struct output *, const char *path);
/* The same for a kernel key. */
int	 output_key(struct output *, const struct keyspec *);
/* Write, sync, rename; or put it into the keyring. */
int	 output_commit(struct output *, const void *, size_t);
void	 output_abort(struct output *);
/* From a signal handler: remove the temporary file. */
void	 output_unlink(void);

/* transfer.c */
struct transfer {
	struct request	 req;
	EVP_PKEY	*key;
	enum tee	 type;		/* TEE_NONE: what the server says */
	char		*token;		/* passport mode when not NULL */
	struct source	 source;	/* background mode */
	uint8_t		*eventlog;
	size_t		 eventloglen;
	unsigned int	 wait;		/* seconds to go on trying for */

	/* its own */
	enum tee	 tee;		/* that the key's policy wants */
	unsigned int	 again;		/* seconds until it may help, 0 never */
};

/*
 * Returns a KBSGET_ exit code; *key is secret memory.  While there is nothing
 * to connect to, or the server says that it is busy and for how long, it is
 * tried again for ->wait seconds; a denial is final.
 */
int	 transfer(struct transfer *, uint8_t **key, size_t *);

#endif
