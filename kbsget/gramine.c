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
 * Evidence of an SGX enclave that Gramine runs: its /dev/attestation, a
 * directory of the enclave itself.  The report data is the enclave's as a
 * whole: who finds another's in the quote was not alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kbsget.h"
#include "log.h"

static int
gramine_open(const char *dir)
{
	int	 fd;

	if ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		log_warn("%s", dir);
	return (fd);
}

static void
gramine_failed(const char *dir, const char *what)
{
	log_warnx("%s/%s: %s", dir, what,
	    errno == EFBIG ? "longer than any evidence" :
	    errno == EILSEQ ? "not what this file should hold" :
	    errno == ENODATA ? "empty" : strerror(errno));
}

enum tee
gramine_tee(const char *dir)
{
	char	 type[ATTR_TEXT];
	int	 fd, rv;

	if ((fd = gramine_open(dir)) == -1)
		return (TEE_NONE);
	if ((rv = attr_text(fd, "attestation_type", type, sizeof(type))) == -1)
		gramine_failed(dir, "attestation_type");
	close(fd);
	if (rv == -1)
		return (TEE_NONE);
	if (strcmp(type, "dcap") == 0)
		return (TEE_SGX);
	log_warnx("%s: attestation is \"%s\" in this enclave: its manifest "
	    "must say sgx.remote_attestation = \"dcap\"", dir, type);
	return (TEE_NONE);
}

int
gramine_quote(const char *dir, enum tee tee,
    const uint8_t data[REPORT_DATA_LEN], uint8_t *buf, size_t *lenp)
{
	const char	*what = "user_report_data";
	ssize_t		 len = -1;
	int		 fd;

	(void)tee;
	if ((fd = gramine_open(dir)) == -1)
		return (-1);
	if (attr_write(fd, what, data, REPORT_DATA_LEN) == 0) {
		what = "quote";
		if ((len = attr_read(fd, what, buf, QUOTE_MAX)) == 0) {
			errno = ENODATA;
			len = -1;
		}
	}
	if (len == -1)
		gramine_failed(dir, what);
	close(fd);
	*lenp = (size_t)len;
	return (len == -1 ? -1 : 0);
}
