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
 * Leave to change users: the row as it will be is made and sealed here, and a
 * new password hashed.
 */

#include <string.h>

#include "auth.h"
#include "log.h"
#include "secret.h"

static void
grant_user(struct asking *a, const char *hash)
{
	struct wbuf	 record = { 0 };

	if (make_user(&record, &a->target, hash) == -1) {
		wb_free(&record);
		grant_busy(a, "the user can't be sealed");
		return;
	}
	grant_done(a, &record, NULL);
}

static void
grant_hashed(void *arg, int ok, const char *hash)
{
	struct asking	*a = arg;

	if (ok != 1)
		grant_busy(a, "the hasher is gone");
	else
		grant_user(a, hash);
}

static void
grant_hash(struct asking *a)
{
	char	*password = a->password;

	a->password = NULL;
	if (hash_make(password, grant_hashed, a) == -1)
		grant_busy(a, "the hasher is busy");
}

/* What stands in the place of a password was hashed by another server. */
static void
grant_imported(struct asking *a)
{
	if (hasher_knows(a->password))
		grant_user(a, a->password);
	else
		grant_invalid(a, 400, "not a bcrypt hash");
}

/* The password came by the other way; both must agree that there is one. */
static int
password_wrong(struct asking *a)
{
	if (a->password_bad || (a->ask.has_password != 0) !=
	    (a->password != NULL)) {
		grant_invalid(a, 400, "a password has 9 to 71 bytes");
		return (1);
	}
	return (0);
}

void
grant_user_create(struct asking *a)
{
	struct user_record	*user = &a->target;

	if (!user_name_valid(a->ask.name, strlen(a->ask.name)))
		grant_invalid(a, 400, "not a user's name");
	else if (a->ask.permissions == 0)
		grant_invalid(a, 400, "no permissions");
	else if (a->password == NULL)
		grant_invalid(a, 400, "a password has 9 to 71 bytes");
	else if (!password_wrong(a) && grant_new_object(a) == 0) {
		user->id = a->object;
		(void)strlcpy(user->name, a->ask.name, sizeof(user->name));
		user->permissions = a->ask.permissions;
		user->generation = 1;
		user->created = user->updated = a->time;
		if (uuid_isnil(&a->ask.id))
			grant_hash(a);
		else
			grant_imported(a);
	}
}

/* The user's row as it stands; the new one keeps its version. */
static void
grant_user_found(void *arg, const struct rows_found *found)
{
	struct asking		*a = arg;
	struct user_record	*user = &a->target;
	char			 hash[HASH_TEXT];

	if (found == NULL) {
		grant_busy(a, "the rows can't be had");
		return;
	}
	if (found->user == NULL ||
	    uuid_cmp(&found->user->id, &a->ask.id) != 0) {
		grant_invalid(a, 404, "no such user");
		return;
	}
	*user = *found->user;
	if (seal_user_open(user, hash) == -1) {
		auth_counts.unsealed++;
		log_alert("the row of user %s was not written by kbsd: not "
		    "changed", user->name);
		grant_invalid(a, 500, "the user's record is not intact");
		return;
	}
	if (make_user_change(user, &a->ask, a->password != NULL)) {
		/* at the end of the numbers the next is no other one */
		if (user->generation == UINT32_MAX) {
			explicit_bzero(hash, sizeof(hash));
			grant_invalid(a, 500, "changed too often");
			return;
		}
		user->generation++;
		user->updated = a->time;
	}
	if (a->password != NULL)
		grant_hash(a);
	else
		grant_user(a, hash);
	explicit_bzero(hash, sizeof(hash));
}

void
grant_user_update(struct asking *a)
{
	struct rows_wanted	 wanted = { .user = a->ask.id };

	if (password_wrong(a))
		return;
	if (uuid_isnil(&a->ask.id))
		grant_invalid(a, 404, "no such user");
	else if (rows_want(&wanted, grant_user_found, a) == -1)
		grant_busy(a, "the broker is busy");
}

/* A name without failures, whether there is such a user or not. */
void
grant_unlock(struct asking *a)
{
	struct lockout_record	 none = { .failures = 0 };
	struct wbuf		 record = { 0 };

	if (!user_name_valid(a->ask.name, strlen(a->ask.name))) {
		grant_invalid(a, 400, "not a user's name");
		return;
	}
	(void)strlcpy(none.name, a->ask.name, sizeof(none.name));
	wb_lockout_record(&record, &none);
	grant_done(a, &record, NULL);
}

/* The password's hash leaves for nobody but the backup's recipient. */
static void
grant_backup_found(void *arg, const struct rows_found *found)
{
	struct asking	*a = arg;
	struct wbuf	 sealed = { 0 };

	if (found == NULL)
		grant_busy(a, "the rows can't be had");
	else if (found->user == NULL ||
	    uuid_cmp(&found->user->id, &a->ask.id) != 0)
		grant_invalid(a, 404, "no such user");
	else if (seal_user_backup(&sealed, found->user) == -1) {
		wb_free(&sealed);
		grant_invalid(a, 500, "the user can't be sealed for a backup");
	} else
		grant_done(a, &sealed, NULL);
}

void
grant_user_backup(struct asking *a)
{
	struct rows_wanted	 wanted = { .user = a->ask.id };

	if (!seal_can_backup())
		grant_invalid(a, 400, "kbsd.conf names no backup recipient");
	else if (uuid_isnil(&a->ask.id))
		grant_invalid(a, 404, "no such user");
	else if (rows_want(&wanted, grant_backup_found, a) == -1)
		grant_busy(a, "the broker is busy");
}
