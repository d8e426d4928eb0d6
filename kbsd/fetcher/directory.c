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
 * Collateral out of files that somebody else has put there: below this
 * directory in one of its own for each platform ("sgx-FMSPC", "tdx-FMSPC";
 * of AMD's for each product, "vcek-Milan", "vlek-Genoa", ..., with a file for
 * each chip and its TCB), or, where there is none, in the directory itself.
 * Links are not followed, and only regular files are read.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "fetcher.h"
#include "log.h"

/* "CHIP-TCB.der" */
#define FILE_NAME	(2 * SNP_CHIP_LEN + 2 * SNP_TCB_LEN + 8)

static const struct {
	const char	*file;			/* NULL: named for the chip */
	const char	*chain;			/* NULL: none */
} names[PARTS] = {
	[PART_PCK_CRL - FETCH_MAX] = { "pck_crl.der",
	    "pck_crl_issuer_chain.pem" },
	[PART_ROOT_CRL - FETCH_MAX] = { "root_ca_crl.der", NULL },
	[PART_TCB_INFO - FETCH_MAX] = { "tcb_info.json",
	    "tcb_info_issuer_chain.pem" },
	[PART_QE_IDENTITY - FETCH_MAX] = { "qe_identity.json",
	    "qe_identity_issuer_chain.pem" },
	[PART_SNP_CHAIN - FETCH_MAX] = { "cert_chain.pem", NULL },
	[PART_SNP_CRL - FETCH_MAX] = { "crl.der", NULL },
	[PART_VCEK - FETCH_MAX] = { NULL, NULL },
};

struct place {
	int		 fd;
	char		 name[32];		/* for reasons */
	char		*why;
	size_t		 whysize;
};

static int
place_fail(struct place *at, const char *file, const char *why)
{
	snprintf(at->why, at->whysize, "%s/%s: %s", at->name, file, why);
	return (-1);
}

/* All of it, malloc'd. */
static int
file_bytes(struct place *at, const char *file, int fd, size_t most,
    uint8_t **data, size_t *len)
{
	uint8_t	*p;
	ssize_t	 n;
	size_t	 got = 0;

	if ((p = malloc(most + 1)) == NULL)
		return (place_fail(at, file, "no memory"));
	while (got <= most && (n = read(fd, p + got, most + 1 - got)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			free(p);
			return (place_fail(at, file, strerror(errno)));
		}
		got += (size_t)n;
	}
	if (got == 0 || got > most) {
		free(p);
		return (place_fail(at, file, got == 0 ? "it is empty" :
		    "it is too long"));
	}
	*data = p;
	*len = got;
	return (0);
}

static int
file_read(struct place *at, const char *file, size_t most, uint8_t **data,
    size_t *len)
{
	struct stat	 st;
	int		 fd, ret;

	fd = openat(at->fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC);
	if (fd == -1)
		return (place_fail(at, file, errno == ELOOP ?
		    "it is a symbolic link" : strerror(errno)));
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		ret = place_fail(at, file, "it is no regular file");
	else
		ret = file_bytes(at, file, fd, most, data, len);
	close(fd);
	return (ret);
}

static const char *
part_name(uint8_t part, const struct platform *p, char name[FILE_NAME])
{
	char	 tcb[2 * SNP_TCB_LEN + 1];

	if (names[part - FETCH_MAX].file != NULL)
		return (names[part - FETCH_MAX].file);
	(void)hex_encode(tcb, sizeof(tcb), p->tcb, SNP_TCB_LEN);
	snprintf(name, FILE_NAME, "%s-%s.der", p->chip, tcb);
	return (name);
}

static int
part_read(struct place *at, uint8_t part, const struct platform *p,
    struct wbuf *body)
{
	char		 name[FILE_NAME];
	struct wbuf	 w = { 0 };
	const char	*chain = names[part - FETCH_MAX].chain;
	const char	*file = part_name(part, p, name);
	uint8_t		*data = NULL, *pem = NULL;
	char		 why[REASON_TEXT_MAX / 4];
	size_t		 len = 0, pemlen = 0;
	int		 ret = -1;

	if (file_read(at, file, BODY_MAX, &data, &len) == -1 ||
	    (chain != NULL && file_read(at, chain, CHAIN_MAX, &pem,
	    &pemlen) == -1))
		goto done;
	if (part >= PART_OF_AMD)
		ret = kds_part(part, data, len, &w, why, sizeof(why));
	else
		ret = pcs_part(part, data, len, (const char *)pem, pemlen, &w,
		    why, sizeof(why));
	if (ret == -1)
		place_fail(at, file, why);
	wb_raw_of(body, &w);
done:
	free(data);
	free(pem);
	wb_free(&w);
	return (ret);
}

/* Where there is none for the platform, it is here or nowhere. */
static int
place_open(struct place *at, const struct platform *p)
{
	if (p->tees == TEE_SNP)
		snprintf(at->name, sizeof(at->name), "%s-%s",
		    kds_signer(p->signer), kds_product(p->product));
	else
		snprintf(at->name, sizeof(at->name), "%s-%s", p->tees ==
		    TEE_TDX ? "tdx" : "sgx", p->fmspc);
	at->fd = openat(AT_FDCWD, at->name, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC);
	if (at->fd != -1)
		return (0);
	if (errno != ENOENT) {
		snprintf(at->why, at->whysize, "%s: %s", at->name,
		    strerror(errno));
		return (-1);
	}
	at->fd = AT_FDCWD;
	strlcpy(at->name, ".", sizeof(at->name));
	return (0);
}

int
directory_read(const struct platform *p, uint8_t first, size_t n,
    struct wbuf *body, char *why, size_t whysize)
{
	struct place	 at = { .why = why, .whysize = whysize };
	size_t		 i;
	int		 ret = 0;

	if (place_open(&at, p) == -1)
		return (-1);
	for (i = 0; i < n && ret == 0; i++)
		ret = part_read(&at, (uint8_t)(first + i), p, body);
	if (at.fd != AT_FDCWD)
		close(at.fd);
	if (ret == 0 && body->failed) {
		strlcpy(why, "no memory", whysize);
		ret = -1;
	}
	if (ret == -1)
		wb_free(body);
	return (ret);
}
