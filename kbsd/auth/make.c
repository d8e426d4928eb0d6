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
 * New objects as they are asked for, with the seals by which they will be
 * believed.
 */

#include <string.h>

#include "auth.h"

static const uint16_t	 curve_bits[CURVE_MAX] = {
	[CURVE_P256] = 256,
	[CURVE_P384] = 384,
	[CURVE_P521] = 521,
};

const char *
make_key_wrong(const struct ask *ask)
{
	int	 has_backend = ask->backend[0] != '\0';

	if (ask->algorithm == ALG_NONE || ask->algorithm >= ALG_MAX)
		return ("no such algorithm");
	if ((ask->algorithm == ALG_EC) != (ask->curve != CURVE_NONE) ||
	    ask->curve >= CURVE_MAX)
		return ("the curve is not one for the algorithm");
	if (!key_length_valid((enum algorithm)ask->algorithm, ask->length) ||
	    (ask->curve != CURVE_NONE &&
	    ask->length != curve_bits[ask->curve]))
		return ("the length is not one for the algorithm");
	if (ask->op == OP_KEY_CREATE && (ask->has_material || has_backend))
		return ("a key is made or registered, not both");
	if (ask->op == OP_KEY_REGISTER && ask->has_material == has_backend)
		return ("a key is registered by its data or by its id");
	return (NULL);
}

int
make_policy(struct wbuf *w, const struct asking *a)
{
	struct policy_record	 policy = { 0 };

	policy.id = a->object;
	policy.created = a->time;
	policy.text = a->ask.text;
	policy.textlen = a->ask.textlen;
	seal_policy(&policy);
	wb_policy_record(w, &policy);
	return (w->failed ? -1 : 0);
}

int
make_user(struct wbuf *w, const struct user_record *user, const char *hash)
{
	struct user_record	 sealed = *user;
	int			 ret;

	if ((ret = seal_user(&sealed, hash)) == 0)
		wb_user_record(w, &sealed);
	explicit_bzero(&sealed, sizeof(sealed));
	return (ret == -1 || w->failed ? -1 : 0);
}

/* Whatever a token says of its user must end with it. */
int
make_user_change(struct user_record *user, const struct ask *ask,
    int password)
{
	int	 changed = password;

	if (ask->name[0] != '\0' && strcmp(ask->name, user->name) != 0) {
		/* the sizes are the same */
		(void)strlcpy(user->name, ask->name, sizeof(user->name));
		changed = 1;
	}
	if (ask->permissions != 0 && ask->permissions != user->permissions) {
		user->permissions = ask->permissions;
		changed = 1;
	}
	return (changed);
}
