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
 * A load generator for loopback: some clients, each with one request at a
 * time, for a bounded time.  It says how many were answered, how long they
 * took, and what CPU time the named processes spent meanwhile.  The first
 * part of a run, with the handshakes of kept connections, does not count.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "json.h"

#define CLIENTS_MAX	1024
#define SAMPLES_MAX	4000000
#define WARM_UP_NS	700000000ULL

static const char *const modes[] = {
	[LOAD_PASSPORT] = "passport",
	[LOAD_BACKGROUND] = "background",
	[LOAD_VERSION] = "version",
	[LOAD_LOGIN] = "login",
};

static struct plan	 plan;
static uint64_t		*samples;	/* ns */
static size_t		 nsamples;
static size_t		 bytes_sent, bytes_received;
static int		 counting;

uint64_t
now_ns(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

uint8_t *
file_read(const char *name, size_t *len)
{
	struct stat	 st;
	uint8_t		*p;
	int		 fd;

	if ((fd = open(name, O_RDONLY)) == -1 || fstat(fd, &st) == -1)
		err(1, "%s", name);
	*len = (size_t)st.st_size;
	if ((p = malloc(*len + 1)) == NULL ||
	    read(fd, p, *len) != (ssize_t)*len)
		err(1, "%s", name);
	p[*len] = '\0';
	close(fd);
	return (p);
}

static void
answered(uint64_t ns, size_t sent, size_t received)
{
	if (!counting || nsamples == SAMPLES_MAX)
		return;
	samples[nsamples++] = ns;
	bytes_sent = sent;
	bytes_received = received;
}

/* A token a line. */
static void
plan_tokens(const char *name)
{
	size_t	 len;
	char	*text = (char *)file_read(name, &len), *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		plan.bodies = reallocarray(plan.bodies, plan.nbodies + 1,
		    sizeof(*plan.bodies));
		if (plan.bodies == NULL || asprintf(
		    &plan.bodies[plan.nbodies++],
		    "{\"attestation_token\":\"%s\"}", line) == -1)
			errx(1, "no memory");
	}
}

static void
plan_login(const char *name)
{
	static char	*body[1];
	size_t		 len;

	body[0] = (char *)file_read(name, &len);
	plan.bodies = body;
	plan.nbodies = 1;
}

static void
plan_ak(const char *name)
{
	FILE	*f;

	if ((f = fopen(name, "r")) == NULL || (plan.ak =
	    PEM_read_PrivateKey(f, NULL, NULL, NULL)) == NULL)
		errx(1, "%s: no private key", name);
	fclose(f);
}

static void
plan_tls(const char *ca)
{
	if ((plan.ctx = SSL_CTX_new(TLS_client_method())) == NULL ||
	    SSL_CTX_set_min_proto_version(plan.ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_load_verify_locations(plan.ctx, ca, NULL) != 1)
		errx(1, "%s: no certificate", ca);
	SSL_CTX_set_verify(plan.ctx, SSL_VERIFY_PEER, NULL);
}

static void
run(size_t n, uint64_t until)
{
	static struct client	*clients[CLIENTS_MAX];
	static struct pollfd	 pfds[CLIENTS_MAX];
	size_t			 i;

	for (i = 0; i < n; i++) {
		if (clients[i] != NULL)
			continue;
		clients[i] = client_new(&plan, i * 7, answered);
		client_run(clients[i], &pfds[i]);
	}
	while (now_ns() < until) {
		if (poll(pfds, n, 10) == -1 && errno != EINTR)
			err(1, "poll");
		for (i = 0; i < n; i++)
			if (pfds[i].revents != 0)
				client_run(clients[i], &pfds[i]);
	}
}

static int
sample_cmp(const void *a, const void *b)
{
	uint64_t	 x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x < y ? -1 : x > y);
}

static void
print_percentile(const char *name, double part)
{
	size_t	 i = (size_t)((double)nsamples * part);

	if (i >= nsamples)
		i = nsamples - 1;
	printf("%s %.2f\n", name, (double)samples[i] / 1e6);
}

static void
print(uint64_t ns)
{
	if (nsamples == 0)
		errx(1, "nothing was answered");
	qsort(samples, nsamples, sizeof(*samples), sample_cmp);
	printf("requests %zu\n", nsamples);
	printf("rate %.0f\n", (double)nsamples / ((double)ns / 1e9));
	print_percentile("p50", 0.5);
	print_percentile("p99", 0.99);
	print_percentile("p999", 0.999);
	printf("sent %zu\nreceived %zu\n", bytes_sent, bytes_received);
	usage_print(nsamples);
}

static void
usage(void)
{
	fprintf(stderr, "usage: load -m passport|background|version|login "
	    "-p port -c ca\n\t[-1] [-n clients] [-s seconds] [-k key] "
	    "[-t tokens] [-l login.json]\n\t[-q quote -H held [-a key]] "
	    "[name=pid ...]\n");
	exit(2);
}

static enum load_mode
mode_of(const char *name)
{
	size_t	 i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i], name) == 0)
			return ((enum load_mode)i);
	usage();
	return (LOAD_VERSION);
}

int
main(int argc, char *argv[])
{
	const char	*ca = NULL;
	uint64_t	 begin, seconds = 5;
	size_t		 n = 64;
	int		 ch;

	json_init();
	while ((ch = getopt(argc, argv, "1H:a:c:k:l:m:n:p:q:s:t:")) != -1)
		switch (ch) {
		case '1': plan.each = 1; break;
		case 'H': plan.held = file_read(optarg, &plan.heldlen); break;
		case 'a': plan_ak(optarg); break;
		case 'c': ca = optarg; break;
		case 'k': plan.key = optarg; break;
		case 'l': plan_login(optarg); break;
		case 'm': plan.mode = mode_of(optarg); break;
		case 'n': n = strtoul(optarg, NULL, 10); break;
		case 'p': plan.port = atoi(optarg); break;
		case 'q': plan.quote = file_read(optarg, &plan.quotelen); break;
		case 's': seconds = strtoul(optarg, NULL, 10); break;
		case 't': plan_tokens(optarg); break;
		default: usage();
		}
	for (; optind < argc; optind++)
		if (usage_add(argv[optind]) == -1)
			usage();
	if (ca == NULL || plan.port == 0 || n == 0 || n > CLIENTS_MAX)
		usage();
	if ((samples = calloc(SAMPLES_MAX, sizeof(*samples))) == NULL)
		errx(1, "no memory");
	plan_tls(ca);
	run(n, now_ns() + WARM_UP_NS);
	usage_begin();
	counting = 1;
	begin = now_ns();
	run(n, begin + seconds * 1000000000);
	usage_end();
	print(now_ns() - begin);
	return (0);
}
