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
 * The hasher: the second process of this program.  It hashes and compares
 * passwords with crypt(3) and does nothing else; it holds no key, sees no
 * user's name, and has edges to the parent and auth alone.  What it does
 * takes long, so it blocks, and steps back for all others.
 */

#include <sys/resource.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "log.h"
#include "secret.h"

#define COST_MIN	4
#define COST_MAX	15	/* more is no cost but a stop */
#define SALT_LEN	16
#define SETTING_LEN	29	/* "$2a$10$" and 22 characters */
#define NICE		10

static const char	 alphabet[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789";

static uint32_t		 cost;
static char		*password;	/* secret memory */
static uint64_t		 count_made, count_checked;

int
hasher_config(struct rbuf *r)
{
	cost = rb_u32(r);
	if (rb_end(r) == -1 || cost < COST_MIN || cost > COST_MAX)
		return (-1);
	return (0);
}

void
hasher_secrets(void)
{
	if ((password = secret_alloc(PASSWORD_MAX + 1)) == NULL)
		fatal("no memory for passwords");
	if (setpriority(PRIO_PROCESS, 0, NICE) == -1)
		log_warn("can't step back for other processes");
}

/* A new salt; bcrypt's own base64, whose last character holds two bits. */
int
hasher_setting(char setting[BCRYPT_LEN + 1], unsigned int rounds)
{
	uint8_t		 salt[SALT_LEN + 2] = { 0 };
	uint32_t	 v;
	char		*p;
	int		 i, n;

	n = snprintf(setting, BCRYPT_LEN + 1, "$2a$%02u$", rounds);
	if (n != SETTING_LEN - 22)
		return (-1);
	arc4random_buf(salt, SALT_LEN);
	p = setting + n;
	for (i = 0; i < SALT_LEN; i += 3) {
		v = (uint32_t)salt[i] << 16 | (uint32_t)salt[i + 1] << 8 |
		    salt[i + 2];
		*p++ = alphabet[v >> 18];
		*p++ = alphabet[v >> 12 & 0x3f];
		*p++ = alphabet[v >> 6 & 0x3f];
		*p++ = alphabet[v & 0x3f];
	}
	setting[SETTING_LEN] = '\0';
	return (0);
}

int
hasher_bcrypt(const char *text, const char *setting,
    char hash[BCRYPT_LEN + 1])
{
	char	*p;
	int	 ret = -1;

	if ((p = crypt(text, setting)) == NULL)
		return (-1);
	/* on failure it is "*0", or anything that is no hash */
	if (strlen(p) == BCRYPT_LEN && strncmp(p, setting, 7) == 0) {
		memcpy(hash, p, BCRYPT_LEN + 1);
		ret = 0;
	}
	explicit_bzero(p, strlen(p));
	return (ret);
}

int
hasher_knows(const char *hash)
{
	unsigned int	 n;

	if (strlen(hash) != BCRYPT_LEN || (strncmp(hash, "$2a$", 4) != 0 &&
	    strncmp(hash, "$2b$", 4) != 0) || hash[6] != '$' ||
	    hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9')
		return (0);
	n = (unsigned int)(hash[4] - '0') * 10 + (unsigned int)(hash[5] - '0');
	return (n >= COST_MIN && n <= COST_MAX &&
	    strspn(hash + 7, alphabet) == BCRYPT_LEN - 7);
}

/*
 * 1 when the password is the hash's.  Where there is no hash, or a broken
 * one, the same work is done for nothing: time tells nobody who exists.
 */
int
hasher_compare(const char *text, const char *hash, unsigned int rounds)
{
	char	 ours[BCRYPT_LEN + 1], none[BCRYPT_LEN + 1];
	int	 ok = 0;

	if (!hasher_knows(hash)) {
		if (hasher_setting(none, rounds) == 0)
			(void)hasher_bcrypt(text, none, ours);
	} else if (hasher_bcrypt(text, hash, ours) == 0)
		ok = secret_cmp(ours, hash, BCRYPT_LEN) == 0;
	explicit_bzero(ours, sizeof(ours));
	return (ok);
}

/* The password of a message into our own place for it. */
static int
take_password(struct rbuf *r)
{
	const uint8_t	*p;
	size_t		 len;

	p = rb_bytes(r, &len, 1, PASSWORD_MAX);
	if (p == NULL || memchr(p, '\0', len) != NULL)
		return (-1);
	memcpy(password, p, len);
	password[len] = '\0';
	return (0);
}

static int
answer(struct edge *edge, uint64_t tag, int ok, const char *hash)
{
	struct wbuf	 w = { 0 };

	explicit_bzero(password, PASSWORD_MAX + 1);
	wb_u64(&w, tag);
	wb_u8(&w, (uint8_t)ok);
	wb_str(&w, hash);
	if (edge_send(edge, IMSG_AUTH_HASHED, &w) == -1)
		log_warn("can't answer");
	return (0);
}

int
hasher_hash(struct edge *edge, struct rbuf *r)
{
	char		 setting[BCRYPT_LEN + 1], hash[BCRYPT_LEN + 1];
	uint64_t	 tag;

	tag = rb_u64(r);
	if (take_password(r) == -1 || rb_end(r) == -1) {
		explicit_bzero(password, PASSWORD_MAX + 1);
		return (-1);
	}
	/* crypt(3) without bcrypt: nothing here can go on */
	if (hasher_setting(setting, cost) == -1 ||
	    hasher_bcrypt(password, setting, hash) == -1)
		fatalx("crypt(3) makes no bcrypt hash");
	count_made++;
	answer(edge, tag, 1, hash);
	explicit_bzero(hash, sizeof(hash));
	return (0);
}

int
hasher_check(struct edge *edge, struct rbuf *r)
{
	char		 hash[HASH_TEXT];
	uint64_t	 tag;
	int		 ok;

	tag = rb_u64(r);
	if (take_password(r) == -1 ||
	    (rb_str(r, hash, sizeof(hash)), rb_end(r)) == -1) {
		explicit_bzero(password, PASSWORD_MAX + 1);
		return (-1);
	}
	ok = hasher_compare(password, hash, cost);
	explicit_bzero(hash, sizeof(hash));
	count_checked++;
	return (answer(edge, tag, ok, ""));
}

void
hasher_counters(struct wbuf *w)
{
	wb_str(w, "hashes made");
	wb_u64(w, count_made);
	wb_str(w, "passwords checked");
	wb_u64(w, count_checked);
}
