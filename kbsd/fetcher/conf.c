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


/* CONFIG of the fetcher: where it may go. */
#include <string.h>

#include "fetcher.h"
#include "log.h"

struct settings	 settings;

/* The parent has checked the grammar; what it can't check is here. */
static int
conf_url(struct rbuf *r, const char *what, struct url *url,
    const char *(*parse)(struct url *, const char *))
{
	char		 text[URL_MAX];
	const char	*why;

	rb_str(r, text, sizeof(text));
	if (r->failed)
		return (-1);
	if ((why = parse(url, text)) == NULL)
		return (0);
	log_warnx("%s \"%s\": %s", what, text, why);
	return (-1);
}

static int
conf_proxy(struct rbuf *r)
{
	struct rbuf	 look = *r;
	char		 text[URL_MAX];

	rb_str(&look, text, sizeof(text));
	settings.has_proxy = text[0] != '\0';
	if (settings.has_proxy)
		return (conf_url(r, "proxy", &settings.proxy,
		    url_parse_proxy));
	*r = look;
	return (0);
}

static int
conf_crl_hosts(struct rbuf *r)
{
	char		 text[HOST_MAX];
	const char	*why;
	uint32_t	 i, n;

	if ((n = rb_u32(r)) > CRL_HOSTS_MAX)
		return (-1);
	for (i = 0; i < n; i++) {
		rb_str(r, text, sizeof(text));
		why = host_parse(&settings.crl_hosts[i], text);
		if (r->failed || why != NULL) {
			log_warnx("crl host \"%s\": %s", text,
			    why != NULL ? why : "is too long");
			return (-1);
		}
	}
	settings.ncrl_hosts = n;
	return (0);
}

static void
conf_retry(struct rbuf *r)
{
	settings.retry_least = rb_u32(r);
	settings.retry_most = rb_u32(r);
}

static int
conf_service(struct rbuf *r)
{
	if (conf_url(r, "api", &settings.api, url_parse) == -1 ||
	    conf_url(r, "base", &settings.base, url_parse) == -1)
		return (-1);
	settings.version = rb_u8(r);
	conf_retry(r);
	if (conf_proxy(r) == -1)
		return (-1);
	settings.interval = (uint64_t)rb_u32(r) * 1000;
	if (conf_crl_hosts(r) == -1)
		return (-1);
	return (settings.version < 1 || settings.version > 2 ? -1 : 0);
}

/* One key set, wherever it lies; its host may have CRLs as well. */
static int
conf_jwks(struct rbuf *r)
{
	if (conf_url(r, "jwks", &settings.base, url_parse) == -1)
		return (-1);
	settings.api = settings.base;
	conf_retry(r);
	if (conf_proxy(r) == -1)
		return (-1);
	settings.interval = (uint64_t)rb_u32(r) * 1000;
	return (conf_crl_hosts(r));
}

/* It must not be said to go outside when it can't, nor the reverse. */
static int
conf_collateral(struct rbuf *r)
{
	struct rbuf	 look = *r;
	char		 text[URL_MAX];

	rb_str(&look, text, sizeof(text));
	settings.directory = text[0] == '\0';
	if (settings.directory == self.outside)
		return (-1);
	if (settings.directory)
		*r = look;
	else if (conf_url(r, "collateral", &settings.api, url_parse) == -1)
		return (-1);
	conf_retry(r);
	if (conf_proxy(r) == -1)
		return (-1);
	settings.interval = (uint64_t)rb_u32(r) * 1000;
	return (0);
}

int
conf_read(struct rbuf *r)
{
	static int	(*const kinds[FETCHER_KIND_MAX])(struct rbuf *) = {
		[FETCHER_SERVICE] = conf_service,
		[FETCHER_DCAP] = conf_collateral,
		[FETCHER_SNP] = conf_collateral,
		[FETCHER_JWKS] = conf_jwks,
	};

	settings.kind = rb_enum(r, FETCHER_KIND_MAX - 1);
	rb_str(r, settings.name, sizeof(settings.name));
	if (r->failed || settings.name[0] == '\0')
		return (-1);
	if (kinds[settings.kind](r) == -1)
		return (-1);
	if (settings.retry_least > settings.retry_most)
		return (-1);
	return (rb_end(r));
}
