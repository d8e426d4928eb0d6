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
 * A new master key for a local keystore.  Its file lies beside the old one
 * until kms says that all is sealed by it; a start with both goes on with what
 * was begun.  Two sets of processes never have different keys: none is started
 * before kms has said that it is done, or can't be; and while two live neither
 * gets a new key.
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

const char *
rekey_path(const struct config *conf, const struct keystore *k)
{
	return (k->master_key != NULL ? k->master_key : files_path(conf,
	    "keys/kms-%s.master.key", k->name));
}

static const char *
fresh_path(const struct config *conf, const struct keystore *k)
{
	static char	 path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.4000s.new",
	    rekey_path(conf, k));
	return (path);
}

/* Is it the only one? */
static int
set_alone(const struct set *set)
{
	return (TAILQ_FIRST(&sets) == set && TAILQ_NEXT(set, entry) == NULL);
}

int
rekey_goes_on(void)
{
	const struct set	*set;
	const struct child	*c;

	TAILQ_FOREACH(set, &sets, entry)
		TAILQ_FOREACH(c, &set->children, entry)
			if (c->rekeying)
				return (1);
	return (0);
}

int
rekey_open(struct child *c)
{
	const char	*path = fresh_path(c->set->conf, c->object);

	c->rekeying = set_alone(c->set) && credential_name(path) == NULL &&
	    access(path, F_OK) == 0;
	return (c->rekeying ? files_secret(path, 1) : -1);
}

/* Where two sets live, the other one's kms would not know the key. */
int
rekey_begin(struct set *set, const char *name, char *why, size_t whysize)
{
	const struct keystore	*k = NULL;
	struct child		*c;
	int			 fd;

	TAILQ_FOREACH(c, &set->children, entry)
		if (c->kind == PROC_KMS && strcmp((k = c->object)->name,
		    name) == 0)
			break;
	if (c == NULL || k->type != KEYSTORE_LOCAL)
		strlcpy(why, c == NULL ? "no such keystore" : "it has no "
		    "master key of ours", whysize);
	else if (credential_name(k->master_key) != NULL)
		strlcpy(why, "its master key is a credential, which can't be "
		    "written", whysize);
	else if (!set_alone(set))
		strlcpy(why, "a reload is not finished yet", whysize);
	else if (c->state != CHILD_READY || c->rekeying)
		strlcpy(why, "its process is being started", whysize);
	else if ((fd = files_secret(fresh_path(set->conf, k), 1)) == -1)
		strlcpy(why, "the file of the new key can't be made: see the "
		    "log", whysize);
	else {
		close(fd);
		c->rekeying = 1;
		log_info("keystore %s: a new master key", name);
		child_renew(c);
		return (0);
	}
	return (-1);
}

/* On the disk before anybody is told. */
static int
directory_sync(const char *path)
{
	char	 copy[PATH_MAX];
	int	 fd, rv;

	(void)strlcpy(copy, path, sizeof(copy));
	if ((fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) ==
	    -1)
		return (-1);
	rv = fsync(fd);
	close(fd);
	return (rv);
}

int
rekey_done(struct edge *edge, struct rbuf *r)
{
	struct child		*c = edge->data;
	const struct keystore	*k = c->object;
	const char		*path;
	int			 done = rb_bool(r);

	if (rb_end(r) == -1 || !c->rekeying)
		return (-1);
	c->rekeying = 0;
	if (!done)
		return (0);
	path = fresh_path(c->set->conf, k);
	if (rename(path, rekey_path(c->set->conf, k)) == -1 ||
	    directory_sync(path) == -1) {
		log_alert("keystore %s: %s holds its master key now, and "
		    "can't be renamed: %s", k->name, path, strerror(errno));
		return (0);
	}
	log_info("keystore %s: the new master key is in the place of the old "
	    "one", k->name);
	return (0);
}
