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

/* What auth is told of the configuration. */

#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"
#include "rate.h"

#define LIFETIME_MAX	(24 * 60 * 60)
#define SECONDS_MAX	(366 * 24 * 60 * 60)
#define ENGINES_MAX	1024

struct auth_conf	 auth_conf;
struct auth_counts	 auth_counts;

static int
in_range(uint32_t v, uint32_t max)
{
	return (v >= 1 && v <= max);
}

static int
read_keystores(struct auth_conf *conf, struct rbuf *r)
{
	uint32_t	 i, n;

	if (!in_range(n = rb_u32(r), KEYSTORES_MAX))
		return (-1);
	if ((conf->keystores = calloc(n, sizeof(*conf->keystores))) == NULL)
		return (-1);
	for (i = 0; i < n; i++)
		rb_str(r, conf->keystores[i], sizeof(conf->keystores[i]));
	conf->nkeystores = n;
	return (0);
}

int
conf_read(struct rbuf *r)
{
	struct auth_conf	*conf = &auth_conf;

	conf->lifetime = rb_u32(r);
	conf->attempts = rb_u32(r);
	conf->interval = rb_u32(r);
	conf->lockout = rb_u32(r);
	rb_str(r, conf->administrator, sizeof(conf->administrator));
	conf->engines = rb_u32(r);
	conf->rate = rb_u32(r);
	conf->burst = rb_u32(r);
	if (read_keystores(conf, r) == -1 || issuer_conf(r) == -1 ||
	    rb_end(r) == -1)
		return (-1);
	if (conf->administrator[0] != '\0' && !user_name_valid(
	    conf->administrator, strlen(conf->administrator))) {
		log_warnx("the administrator's name can't be one of a user");
		return (-1);
	}
	if (conf->rate > RATE_MAX || conf->burst > RATE_MAX ||
	    (conf->rate == 0) != (conf->burst == 0))
		return (-1);
	return (in_range(conf->lifetime, LIFETIME_MAX) &&
	    in_range(conf->attempts, UINT32_MAX) &&
	    in_range(conf->interval, SECONDS_MAX) &&
	    in_range(conf->lockout, SECONDS_MAX) &&
	    in_range(conf->engines, ENGINES_MAX) ? 0 : -1);
}

const char *
conf_keystore(const char *name)
{
	uint32_t	 i;

	for (i = 0; i < auth_conf.nkeystores; i++)
		if (name[0] == '\0' ||
		    strcmp(auth_conf.keystores[i], name) == 0)
			return (auth_conf.keystores[i]);
	return (NULL);
}
