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
 * What a KMIP server is asked before all else: which versions it has, and what
 * it offers.  That is asked once; nothing is refused for it, since a server
 * may say too little, but what goes wrong then is explained by it.
 */

#include <stdio.h>
#include <string.h>

#include "kmip.h"
#include "log.h"

#define NEED_ALWAYS	0x1
#define NEED_PUT	0x2		/* keys are made here */
#define NEED_MAKE_AES	0x4
#define NEED_MAKE_RSA	0x8
#define NEED_ACTIVATE	0x10

static const struct {
	enum kmip_operation	 operation;
	unsigned int		 needed;	/* for what */
	const char		*name;
} operations[] = {
	{ KMIP_CREATE,		NEED_MAKE_AES,	"Create" },
	{ KMIP_CREATE_PAIR,	NEED_MAKE_RSA,	"Create Key Pair" },
	{ KMIP_REGISTER,	NEED_PUT,	"Register" },
	{ KMIP_LOCATE,		NEED_ALWAYS,	"Locate" },
	{ KMIP_GET,		NEED_ALWAYS,	"Get" },
	{ KMIP_ACTIVATE,	NEED_ACTIVATE,	"Activate" },
	{ KMIP_REVOKE,		NEED_ACTIVATE,	"Revoke" },
	{ KMIP_DESTROY,		NEED_ALWAYS,	"Destroy" },
};

#define NOPERATIONS	(sizeof(operations) / sizeof(operations[0]))

static struct kmip_version	 version;
static struct kmip_offer	 offer;
static int			 queried;
static char			 missing[REASON_TEXT_MAX];

enum kmip_operation
hello_next(const struct kmip_version **v)
{
	static const struct kmip_version	 oldest = { 1, 4 };

	*v = version.major == 0 ? &oldest : &version;
	if (version.major == 0)
		return (KMIP_DISCOVER);
	/* Whoever ends the connection at it does not get it again. */
	return (queried++ == 0 ? KMIP_QUERY : KMIP_NOTHING);
}

/* An error says that it is an old server: 1.4 is what is tried then. */
static const char *
discovered(const struct kmip_answer *a)
{
	if (a->status != 0 || kmip_read_versions(a, &version) == -1) {
		version.major = 1;
		version.minor = 4;
	}
	log_info("%s speaks KMIP %u.%u", kmip.server.name, version.major,
	    version.minor);
	return (NULL);
}

static unsigned int
needs(void)
{
	unsigned int	 n = NEED_ALWAYS;

	if (kmip.makes == 0)
		n |= NEED_PUT;
	if ((kmip.makes & 1 << ALG_AES) != 0)
		n |= NEED_MAKE_AES;
	if ((kmip.makes & 1 << ALG_RSA) != 0)
		n |= NEED_MAKE_RSA;
	if (kmip.activate)
		n |= NEED_ACTIVATE;
	return (n);
}

static void
list_missing(void)
{
	size_t	 i, len;

	missing[0] = '\0';
	for (i = 0; i < NOPERATIONS; i++) {
		if ((operations[i].needed & needs()) == 0 ||
		    hello_lacks(operations[i].operation) == NULL)
			continue;
		len = strlen(missing);
		if (len == 0)
			snprintf(missing, sizeof(missing),
			    "%.128s does not offer %s", kmip.server.name,
			    operations[i].name);
		else
			snprintf(missing + len, sizeof(missing) - len, ", %s",
			    operations[i].name);
	}
}

/* Who does not know it may know all the others. */
static const char *
queried_it(const struct kmip_answer *a)
{
	const char	*why;

	if (a->status != 0) {
		log_debug("%s does not say what it offers: %s",
		    kmip.server.name, a->message);
		return (NULL);
	}
	if ((why = kmip_read_offer(a, &offer)) != NULL)
		return (why);
	log_info("%s is %s", kmip.server.name, offer.server[0] != '\0' ?
	    offer.server : "a KMIP server without a name");
	list_missing();
	if (missing[0] != '\0')
		log_warnx("%s", missing);
	return (NULL);
}

const char *
hello_answer(enum kmip_operation operation, const struct kmip_answer *a)
{
	return (operation == KMIP_DISCOVER ? discovered(a) : queried_it(a));
}

const char *
hello_lacks(enum kmip_operation operation)
{
	size_t	 i;

	if (offer.operations == 0 ||
	    (offer.operations & (uint64_t)1 << operation) != 0)
		return (NULL);
	for (i = 0; i < NOPERATIONS; i++)
		if (operations[i].operation == operation)
			return (operations[i].name);
	return (NULL);
}

const char *
hello_missing(void)
{
	return (missing);
}

void
hello_init(void)
{
	version = kmip.version;
}
