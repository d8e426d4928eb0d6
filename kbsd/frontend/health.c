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
 * Is the service well?  Judged by what is known already: no check asks any
 * keystore or service anything.  What is not known counts as good, and what
 * makes a check fail lasts longer than one request that went wrong; it passes
 * again by itself.
 */
#include <stdio.h>
#include <string.h>

#include "metrics.h"

/* A process that is replaced is back long before. */
#define DOWN_SECONDS	5

struct health {
	struct wbuf	*w;
	int		 verbose;
	int		 metrics;	/* not lines, but metrics */
	int		 failed;
};

static void
say(struct health *h, const char *name, const char *why)
{
	if (why != NULL)
		h->failed = 1;
	if (h->metrics)
		metric_text(h->w, "kbsd_check{check=\"%s\"} %d\n", name,
		    why == NULL);
	else if (why != NULL)
		metric_text(h->w, "[-]%s failed: %s\n", name, why);
	else if (h->verbose)
		metric_text(h->w, "[+]%s ok\n", name);
}

/* What it told last; good, where it did not. */
static uint64_t
told(const struct sampled *s, const char *name, uint64_t good)
{
	uint64_t	 value;

	return (sampled_value(s, name, &value) == 0 ? value : good);
}

static void
check_start(struct health *h, const struct service *service)
{
	const struct sampled	*parent = &service->processes[0];

	if (told(parent, "stopping", 0))
		say(h, "start", "stopping");
	else
		say(h, "start", told(parent, "serving", 0) ? NULL :
		    "starting");
}

static void
check_processes(struct health *h, const struct service *service)
{
	const struct sampled	*s;
	char			 why[64];
	uint32_t		 i;

	for (i = 1; i < service->n; i++) {
		s = &service->processes[i];
		if (s->ready || s->down < DOWN_SECONDS)
			continue;
		(void)snprintf(why, sizeof(why), "%s is not there",
		    process_name(s->kind));
		say(h, "processes", why);
		return;
	}
	say(h, "processes", NULL);
}

/* One frontend that can shake hands is enough. */
static void
check_tls(struct health *h, const struct service *service)
{
	const struct sampled	*s;
	uint32_t		 i;

	for (i = 0; i < service->n; i++) {
		s = &service->processes[i];
		if ((s->kind == PROC_FRONTEND || s->kind == PROC_GATE) &&
		    told(s, "tls ready", 1))
			break;
	}
	say(h, "tls", i < service->n ? NULL : "no handshakes");
}

static void
check_audit(struct health *h, const struct service *service)
{
	uint32_t	 i;

	for (i = 0; i < service->n; i++)
		if (service->processes[i].kind == PROC_AUDIT)
			say(h, "audit", told(&service->processes[i],
			    "writable", 1) ? NULL : "not writable");
}

static void
check_keystores(struct health *h, const struct service *service)
{
	const struct sampled	*s;
	char			 name[NAME_MAX_STORE + 16];
	uint32_t		 i;

	for (i = 0; i < service->n; i++) {
		s = &service->processes[i];
		if (s->kind != PROC_KMS)
			continue;
		(void)snprintf(name, sizeof(name), "keystore/%s", s->block);
		say(h, name, told(s, "usable", 1) ? NULL : "unusable");
	}
}

/* Each verifier has its own; one that can judge is enough. */
static int
is_usable(const struct service *service, const char *block)
{
	char		 name[NAME_MAX_STORE + 32];
	uint32_t	 i;

	(void)snprintf(name, sizeof(name), "collateral usable %s", block);
	for (i = 0; i < service->n; i++)
		if (service->processes[i].kind == PROC_VERIFIER &&
		    told(&service->processes[i], name, 1))
			return (1);
	return (0);
}

static void
check_collateral(struct health *h, const struct service *service)
{
	const struct sampled	*s;
	char			 name[NAME_MAX_STORE + 16];
	uint32_t		 i;

	for (i = 0; i < service->n; i++) {
		s = &service->processes[i];
		if (s->kind != PROC_FETCHER)
			continue;
		(void)snprintf(name, sizeof(name), "collateral/%s", s->block);
		say(h, name, is_usable(service, s->block) ? NULL :
		    "none is valid");
	}
}

static void	(*const checks[])(struct health *, const struct service *) = {
	check_start,
	check_processes,
	check_tls,
	check_audit,
	check_keystores,
	check_collateral,
};

static void
check_all(struct health *h, const struct service *service)
{
	size_t	 i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](h, service);
}

int
health_write(struct wbuf *w, const struct service *service,
    enum answer_page page, int verbose)
{
	struct health	 h = { w, verbose, 0, 0 };
	const char	*name = page == PAGE_LIVE ? "livez" : "readyz";

	say(&h, "parent", service == NULL ? "no answer" : NULL);
	if (service != NULL && page == PAGE_READY)
		check_all(&h, service);
	if (h.failed)
		metric_text(w, "%s check failed\n", name);
	else if (verbose)
		metric_text(w, "%s check passed\n", name);
	else
		metric_text(w, "ok\n");
	return (!h.failed);
}

void
health_metrics(struct wbuf *w, const struct service *service)
{
	struct health	 h = { w, 0, 1, 0 };

	metric_text(w, "# HELP kbsd_check What readyz says of each check: 1 "
	    "passed.\n# TYPE kbsd_check gauge\n");
	check_all(&h, service);
	metric_text(w, "# HELP kbsd_ready Does readyz say 200?\n"
	    "# TYPE kbsd_ready gauge\nkbsd_ready %d\n", !h.failed);
}
