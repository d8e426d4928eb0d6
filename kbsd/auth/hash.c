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
 * Passwords on their way to the hasher, the other process of this program.
 * Hashing takes most of a second of a busy machine, so few are handed over
 * at a time and few may wait; who stops waiting costs nothing then.
 */

#include <sys/queue.h>

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "log.h"

/* With the hasher: one it works on and one that it finds when done. */
#define FLIGHT_MAX	2
#define JOBS_MAX	64

struct job {
	TAILQ_ENTRY(job)	 entry;
	uint64_t		 tag;
	uint32_t		 type;		/* IMSG_HASHER_* */
	char			*password;	/* NULL: handed over */
	char			 hash[HASH_TEXT];
	void			(*fn)(void *, int, const char *);
	void			*arg;		/* NULL: cancelled */
};

TAILQ_HEAD(jobs, job);

static struct jobs	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct jobs	 flying = TAILQ_HEAD_INITIALIZER(flying);
static unsigned int	 nwaiting, nflying;
static uint64_t		 tags;

/* --- passwords ---------------------------------------------------------- */

char *
password_copy(const void *data, size_t len)
{
	char	*p;

	if ((p = OPENSSL_secure_malloc(len + 1)) == NULL)
		return (NULL);
	if (len > 0)
		memcpy(p, data, len);
	p[len] = '\0';
	return (p);
}

void
password_free(char *p)
{
	if (p != NULL)
		OPENSSL_secure_clear_free(p, strlen(p) + 1);
}

/* bcrypt would read no further than a NUL, and not beyond 72 bytes. */
int
password_valid(const char *password, size_t len)
{
	return (len >= PASSWORD_MIN && len <= PASSWORD_MAX &&
	    memchr(password, '\0', len) == NULL);
}

/* --- jobs --------------------------------------------------------------- */

static void
job_free(struct job *job)
{
	password_free(job->password);
	freezero(job, sizeof(*job));
}

static int
job_send(struct job *job)
{
	struct wbuf	 w = { 0 };

	wb_u64(&w, job->tag);
	wb_bytes(&w, job->password, strlen(job->password));
	if (job->type == IMSG_HASHER_CHECK)
		wb_str(&w, job->hash);
	password_free(job->password);
	job->password = NULL;
	explicit_bzero(job->hash, sizeof(job->hash));
	return (edge_send(edge_find(PROC_HASHER, 0), job->type, &w));
}

/* The answer for one that is in no list any more. */
static void
job_end(struct job *job, int ok, const char *hash)
{
	if (job->arg != NULL)
		job->fn(job->arg, ok, hash);
	job_free(job);
}

static void
jobs_pump(void)
{
	struct job	*job;

	while (nflying < FLIGHT_MAX &&
	    (job = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, job, entry);
		nwaiting--;
		if (job_send(job) == -1) {
			job_end(job, -1, "");
			continue;
		}
		TAILQ_INSERT_TAIL(&flying, job, entry);
		nflying++;
	}
}

/*
 * Called from its caller's hands, so a failure to send comes as -1 and not
 * by fn: the hasher's edge is looked at first, and what is queued to it is
 * far below an edge's limit.
 */
static int
job_new(uint32_t type, char *password, const char *hash,
    void (*fn)(void *, int, const char *), void *arg)
{
	struct job	*job;

	if (nwaiting >= JOBS_MAX || edge_find(PROC_HASHER, 0) == NULL ||
	    (job = calloc(1, sizeof(*job))) == NULL) {
		password_free(password);
		return (-1);
	}
	job->tag = ++tags;
	job->type = type;
	job->password = password;
	job->fn = fn;
	job->arg = arg;
	if (strlcpy(job->hash, hash, sizeof(job->hash)) >=
	    sizeof(job->hash)) {
		job_free(job);
		return (-1);
	}
	TAILQ_INSERT_TAIL(&waiting, job, entry);
	nwaiting++;
	jobs_pump();
	return (0);
}

int
hash_make(char *password, void (*fn)(void *, int, const char *), void *arg)
{
	return (job_new(IMSG_HASHER_HASH, password, "", fn, arg));
}

int
hash_check(char *password, const char *hash,
    void (*fn)(void *, int, const char *), void *arg)
{
	return (job_new(IMSG_HASHER_CHECK, password, hash, fn, arg));
}

void
hash_cancel(const void *arg)
{
	struct job	*job, *next;

	TAILQ_FOREACH(job, &flying, entry)
		if (job->arg == arg)
			job->arg = NULL;
	TAILQ_FOREACH_SAFE(job, &waiting, entry, next)
		if (job->arg == arg) {
			TAILQ_REMOVE(&waiting, job, entry);
			nwaiting--;
			job_free(job);
		}
}

/* The hasher is gone, and with it what it had. */
void
hash_down(void)
{
	struct job	*job;

	while ((job = TAILQ_FIRST(&flying)) != NULL) {
		TAILQ_REMOVE(&flying, job, entry);
		nflying--;
		job_end(job, -1, "");
	}
	while ((job = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, job, entry);
		nwaiting--;
		job_end(job, -1, "");
	}
}

int
hash_hashed(struct edge *edge, struct rbuf *r)
{
	struct job	*job;
	uint64_t	 tag;
	char		 hash[HASH_TEXT];
	int		 ok;

	(void)edge;
	tag = rb_u64(r);
	ok = rb_bool(r);
	rb_str(r, hash, sizeof(hash));
	/* it answers in the order it is asked */
	if (rb_end(r) == -1 || (job = TAILQ_FIRST(&flying)) == NULL ||
	    job->tag != tag || (job->type == IMSG_HASHER_HASH) !=
	    (hash[0] != '\0')) {
		explicit_bzero(hash, sizeof(hash));
		return (-1);
	}
	TAILQ_REMOVE(&flying, job, entry);
	nflying--;
	job_end(job, ok, hash);
	explicit_bzero(hash, sizeof(hash));
	jobs_pump();
	return (0);
}
