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
 * Where evidence comes from: a command of the user, Gramine, or the kernel.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsget.h"
#include "log.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

#define SOURCE_GRAMINE	"/dev/attestation"
#define SOURCE_TSM	"/sys/kernel/config/tsm/report"

/* In this order: an enclave may see its host's configfs. */
static const struct {
	const char	*dir;
	const char	*sign;		/* what is there when it is */
	enum tee	(*tee)(const char *);
	int		(*quote)(const char *, enum tee,
			    const uint8_t [REPORT_DATA_LEN], uint8_t *,
			    size_t *);
} sources[] = {
	{ SOURCE_GRAMINE, "/attestation_type", gramine_tee, gramine_quote },
	{ SOURCE_TSM, "", tsm_tee, tsm_quote },
};

/* Returns its number, or -1. */
static int
source_there(struct source *s, const char *root)
{
	char	 path[PATH_MAX];
	size_t	 i;
	int	 n;

	for (i = 0; i < nitems(sources); i++) {
		n = snprintf(path, sizeof(path), "%s%s%s", root,
		    sources[i].dir, sources[i].sign);
		if (n < 0 || (size_t)n >= sizeof(path) ||
		    access(path, F_OK) == -1)
			continue;
		(void)snprintf(s->dir, sizeof(s->dir), "%s%s", root,
		    sources[i].dir);
		return ((int)i);
	}
	return (-1);
}

int
source_find(struct source *s, const char *command, const char *root)
{
	memset(s, 0, sizeof(*s));
	s->command = command;
	if (command != NULL)
		return (0);
	if ((s->number = source_there(s, root)) == -1) {
		log_warnx("no TEE here: neither %s%s, as in an enclave of "
		    "Gramine, nor %s%s, as in a TDX or SEV-SNP guest of "
		    "Linux 6.7 or later: name a command that makes a quote "
		    "(-q), or use a token (-t)", root, SOURCE_GRAMINE, root,
		    SOURCE_TSM);
		return (-1);
	}
	s->tee = sources[s->number].tee(s->dir);
	return (s->tee == TEE_NONE ? -1 : 0);
}

int
source_quote(const struct source *s, const uint8_t data[REPORT_DATA_LEN],
    uint8_t **quote, size_t *len)
{
	uint8_t	*buf;

	if (s->command != NULL)
		return (quote_run(s->command, data, QUOTE_SECONDS, quote,
		    len));
	if ((buf = malloc(QUOTE_MAX + CERTIFICATES_MAX)) == NULL) {
		log_warn("evidence");
		return (-1);
	}
	if (sources[s->number].quote(s->dir, s->tee, data, buf, len) == -1) {
		free(buf);
		return (-1);
	}
	/* unlike a command's, this quote is known to hold it as it is */
	if (memmem(buf, *len, data, REPORT_DATA_LEN) == NULL) {
		log_warnx("%s: the quote holds the report data of somebody "
		    "else: try again", s->dir);
		free(buf);
		return (-1);
	}
	*quote = buf;
	return (0);
}
