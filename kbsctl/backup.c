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
 * `backup': policies, users and keys of a running kbsd into one file, a line of
 * JSON each.  Passwords' hashes and material come from kbsd sealed for the
 * recipient that its configuration names; nothing secret passes here.
 */

#include <openssl/evp.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "kbsctl.h"
#include "version.h"

#define SECONDS		45
#define TRIES		5

/* The file as it is written. */
static struct {
	char			 path[4096];	/* until it is whole */
	volatile sig_atomic_t	 part;		/* that is there, and ours */
	int			 fd;
	EVP_MD_CTX		*md;
	char			 why[640];	/* what kbsd refused */
	size_t			 policies, users, keys, versions;
} backup;

/* --- the file ------------------------------------------------------------ */

/* However kbsctl ends: the next backup to this path would stop at it. */
static void
part_remove(void)
{
	if (backup.part)
		(void)unlink(backup.path);
	backup.part = 0;
}

/* Ends as if it had not been caught. */
static void
stopped(int sig)
{
	part_remove();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* What is ignored, as under nohup(1), stays so. */
static void
part_watch(void)
{
	static const int	 signals[] = { SIGHUP, SIGINT, SIGTERM };
	size_t			 i;

	if (atexit(part_remove) != 0)
		no_memory();
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signal(signals[i], SIG_IGN) != SIG_IGN)
			signal(signals[i], stopped);
}

static void
file_write(const void *data, size_t len)
{
	const char	*p = data;
	ssize_t		 n;

	while (len > 0) {
		if ((n = write(backup.fd, p, len)) == -1 && errno == EINTR)
			continue;
		if (n == -1)
			die("%s: %s", backup.path, strerror(errno));
		p += n;
		len -= (size_t)n;
	}
}

static void
file_line(json_t *line)
{
	char	*text;
	size_t	 len;

	if ((text = json_write(line, &len)) == NULL)
		no_memory();
	text[len] = '\n';		/* in the place of the NUL */
	file_write(text, len + 1);
	if (EVP_DigestUpdate(backup.md, text, len + 1) != 1)
		die("SHA-256 failed");
	freezero(text, len);
	json_decref(line);
}

static void
file_begin(const char *path)
{
	json_t	*line = object();
	char	 now[RFC3339_TEXT];

	if ((size_t)snprintf(backup.path, sizeof(backup.path), "%s.part",
	    path) >= sizeof(backup.path))
		die("%s: the name is too long", path);
	if (access(path, F_OK) == 0)
		die("%s: is there already", path);
	if ((backup.md = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(backup.md, EVP_sha256(), NULL) != 1)
		die("SHA-256 failed");
	backup.fd = open(backup.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (backup.fd == -1)
		die("%s: %s", backup.path, strerror(errno));
	backup.part = 1;
	set(line, "kbsd_backup", json_integer(BACKUP_FORM));
	set(line, "created_at", json_string(rfc3339_format(time(NULL), now)));
	set(line, "version", json_string(KBSD_VERSION));
	file_line(line);
}

static void
directory_sync(const char *path)
{
	char	*copy = strdup(path);
	int	 fd;

	if (copy == NULL)
		no_memory();
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fsync(fd) == -1)
		die("%s: %s", copy, strerror(errno));
	close(fd);
	free(copy);
}

/* Whole, or not under its name. */
static void
file_end(const char *path, char digest[2 * DIGEST_LEN + 1])
{
	uint8_t		 sum[DIGEST_LEN];
	json_t		*line = object();
	unsigned int	 i, len;

	if (EVP_DigestFinal_ex(backup.md, sum, &len) != 1)
		die("SHA-256 failed");
	for (i = 0; i < DIGEST_LEN; i++)
		(void)snprintf(digest + 2 * i, 3, "%02x", sum[i]);
	set(line, "end", json_integer((json_int_t)(backup.policies +
	    backup.users + backup.keys)));
	set(line, "sha256", json_string(digest));
	file_line(line);
	if (fsync(backup.fd) == -1)
		die("%s: %s", backup.path, strerror(errno));
	if (link(backup.path, path) == -1)
		die("%s: %s", path, strerror(errno));
	part_remove();
	close(backup.fd);
	directory_sync(path);
}

/* --- what is in it ------------------------------------------------------- */

/* All that there is; "" with a key that is being changed. */
static json_t *
snapshot(void)
{
	static const char *const	 lists[] = { "policy list",
					    "user list", "key list" };
	json_t				*all = json_array();
	size_t				 i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (json_array_append_new(all, collect(lists[i])) == -1)
			no_memory();
	return (all);
}

static void
sealed_line(json_t *line, void *arg)
{
	json_t	**sealed = arg;

	json_decref(*sealed);
	*sealed = json_incref(json_object_get(line, "sealed"));
}

/* NULL: refused, and backup.why says it. */
static json_t *
sealed(const char *wire, const char *id, json_int_t version)
{
	struct result	 result;
	json_t		*req = request(wire), *answer = NULL;

	set(req, "id", json_string(id));
	if (version > 0)
		set(req, "version", json_integer(version));
	session_call(req, SECONDS, sealed_line, &answer, &result);
	if (result.error[0] == '\0' && json_is_string(answer))
		return (answer);
	json_decref(answer);
	(void)snprintf(backup.why, sizeof(backup.why), "%s %s: %s", wire, id,
	    result.error);
	return (NULL);
}

/* These return -1 when something is refused. */
static int
put_policy(const json_t *line)
{
	file_line(json_deep_copy(line));
	backup.policies++;
	return (0);
}

static int
put_user(const json_t *line)
{
	json_t	*copy, *one;

	if ((one = sealed("user backup", member_text(json_object_get(line,
	    "user"), "id"), 0)) == NULL)
		return (-1);
	copy = json_deep_copy(line);
	set(copy, "sealed", one);
	file_line(copy);
	backup.users++;
	return (0);
}

/* Each version, from the first. */
static int
put_key(const json_t *line)
{
	const char	*id = member_text(json_object_get(line, "key"), "id");
	json_int_t	 i, n;
	json_t		*copy, *all = json_array(), *one;

	n = json_integer_value(json_object_get(line, "version"));
	for (i = 1; i <= n; i++) {
		if ((one = sealed("key backup", id, i)) == NULL) {
			json_decref(all);
			return (-1);
		}
		if (json_array_append_new(all, one) == -1)
			no_memory();
		backup.versions++;
	}
	copy = json_deep_copy(line);
	set(copy, "sealed", all);
	file_line(copy);
	backup.keys++;
	return (0);
}

static int
put_all(const json_t *all)
{
	static int	(*const put[])(const json_t *) = { put_policy,
			    put_user, put_key };
	const json_t	*line;
	size_t		 i, k;

	for (k = 0; k < sizeof(put) / sizeof(put[0]); k++)
		json_array_foreach(json_array_get(all, k), i, line)
			if (put[k](line) == -1)
				return (-1);
	return (0);
}

static int
is_settled(const json_t *all)
{
	const json_t	*line;
	size_t		 i;

	json_array_foreach(json_array_get(all, 2), i, line)
		if (strcmp(member_text(line, "state"), "active") != 0)
			return (0);
	return (1);
}

/*
 * What is written is one state of kbsd: the same before and behind.  What is
 * refused was changed or deleted meanwhile, or else is refused for good.
 */
static int
backup_try(const char *path, char digest[2 * DIGEST_LEN + 1])
{
	json_t	*before = snapshot(), *behind = NULL;
	int	 rc, same = 0;

	memset(&backup, 0, sizeof(backup));
	if (is_settled(before)) {
		file_begin(path);
		rc = put_all(before);
		behind = snapshot();
		same = json_equal(before, behind);
		if (same && rc == -1)
			die("%s", backup.why);
		if (same)
			file_end(path, digest);
		else {
			part_remove();
			close(backup.fd);
		}
		EVP_MD_CTX_free(backup.md);
	}
	json_decref(before);
	json_decref(behind);
	return (same);
}

int
run_backup(const struct command *c, const struct args *args)
{
	char	 digest[2 * DIGEST_LEN + 1];
	json_t	*j;
	int	 i;

	(void)c;
	part_watch();
	for (i = 0; !backup_try(args->word[0], digest); i++) {
		if (i == TRIES)
			die("kbsd is being changed all the time: no backup "
			    "was made");
		sleep(1);
	}
	if (options.json) {
		j = object();
		set(j, "policies", json_integer((json_int_t)backup.policies));
		set(j, "users", json_integer((json_int_t)backup.users));
		set(j, "keys", json_integer((json_int_t)backup.keys));
		set(j, "versions", json_integer((json_int_t)backup.versions));
		set(j, "sha256", json_string(digest));
		json_print(j);
		json_decref(j);
	} else if (!options.quiet)
		printf("%zu policies, %zu users, %zu keys in %zu versions\n"
		    "sha256 %s\n", backup.policies, backup.users, backup.keys,
		    backup.versions, digest);
	return (KBSCTL_DONE);
}
