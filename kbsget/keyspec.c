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
 * The key into a kernel keyring: where it is to go, in the notation of
 * cryptsetup(8) and keyctl(1), and how the kernel says no.
 */
#include <errno.h>
#include <string.h>

#include "kbsget.h"
#include "keyring.h"
#include "log.h"

#define nitems(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char	*prefix;
	int32_t		 ring;
} keyspec_rings[] = {
	{ "@s::",	KEYRING_SESSION },
	{ "@u::",	KEYRING_USER },
	{ "@us::",	KEYRING_USER_SESSION },
};

static const struct {
	const char	*prefix;
	const char	*type;
} keyspec_types[] = {
	{ "%user:",	"user" },
	{ "%logon:",	"logon" },
};

static const struct {
	int		 error;
	const char	*text;
} keyspec_errors[] = {
	{ EACCES, "a key of that name is there that this user must not "
	    "change" },
	{ EDQUOT, "this user's quota of kernel keys is used up" },
	{ ENOSYS, "this system has no kernel keyrings" },
	{ EPERM, "not allowed here: a container often forbids it" },
};

int
keyspec_parse(struct keyspec *spec, const char *text, const char **why)
{
	const char	*p;
	size_t		 i, len;

	spec->ring = KEYRING_USER;
	spec->type = "user";
	for (i = 0; i < nitems(keyspec_rings); i++) {
		len = strlen(keyspec_rings[i].prefix);
		if (strncmp(text, keyspec_rings[i].prefix, len) == 0) {
			spec->ring = keyspec_rings[i].ring;
			text += len;
			break;
		}
	}
	*why = "a keyring is @u::, @s:: or @us::";
	if (text[0] == '@')
		return (-1);
	for (i = 0; i < nitems(keyspec_types); i++) {
		len = strlen(keyspec_types[i].prefix);
		if (strncmp(text, keyspec_types[i].prefix, len) == 0) {
			spec->type = keyspec_types[i].type;
			text += len;
			break;
		}
	}
	*why = "a type of key is %user: or %logon:";
	if (text[0] == '%')
		return (-1);
	*why = "a description has 1 to 255 printable characters";
	for (p = text; *p > ' ' && *p <= '~'; p++)
		continue;
	if (p == text || *p != '\0' || p - text > KEYSPEC_MAX)
		return (-1);
	*why = "the description of a logon key is SERVICE:NAME";
	if (strcmp(spec->type, "logon") == 0 &&
	    ((p = strchr(text, ':')) == NULL || p == text))
		return (-1);
	spec->description = text;
	return (0);
}

static void
keyspec_failed(const struct keyspec *spec)
{
	const char	*text = strerror(errno);
	size_t		 i;

	for (i = 0; i < nitems(keyspec_errors); i++)
		if (keyspec_errors[i].error == errno)
			text = keyspec_errors[i].text;
	log_warnx("kernel key %s: %s", spec->description, text);
}

int
keyspec_check(const struct keyspec *spec)
{
	if (keyring_check(spec->ring) == 0)
		return (0);
	keyspec_failed(spec);
	return (-1);
}

int
keyspec_put(const struct keyspec *spec, const void *p, size_t len)
{
	if (keyring_add(spec->ring, spec->type, spec->description, p,
	    len) == 0)
		return (0);
	keyspec_failed(spec);
	return (-1);
}
