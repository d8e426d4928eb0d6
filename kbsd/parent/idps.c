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
 * Blocks `administrators issuer': whose tokens make somebody an administrator,
 * and which of our permissions the roles in them stand for.
 */

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "parent.h"

#define LIFETIME_DEFAULT	3600

struct idp *
idp_add(struct config *conf, char *url)
{
	struct idp	*i;

	if ((i = calloc(1, sizeof(*i))) == NULL)
		fatal("calloc");
	i->url = url;
	i->lifetime = LIFETIME_DEFAULT;
	TAILQ_INIT(&i->roles);
	TAILQ_INSERT_TAIL(&conf->idps, i, entry);
	return (i);
}

void
idp_role_add(struct idp *i, char *name, uint32_t permissions)
{
	struct idp_role	*role;

	if ((role = calloc(1, sizeof(*role))) == NULL)
		fatal("calloc");
	role->name = name;
	role->permissions = permissions;
	TAILQ_INSERT_TAIL(&i->roles, role, entry);
}

static void
idp_free(struct idp *i)
{
	struct idp_role	*role;

	while ((role = TAILQ_FIRST(&i->roles)) != NULL) {
		TAILQ_REMOVE(&i->roles, role, entry);
		free(role->name);
		free(role);
	}
	free(i->url);
	free(i->jwks);
	free(i->audience);
	free(i->claim);
	free(i);
}

void
idps_free(struct config *conf)
{
	struct idp	*i;

	while ((i = TAILQ_FIRST(&conf->idps)) != NULL) {
		TAILQ_REMOVE(&conf->idps, i, entry);
		idp_free(i);
	}
}

/* --- checking ------------------------------------------------------------ */

static int
idp_says(const struct idp *i, const char *what)
{
	log_warnx("administrators issuer \"%s\": %s", i->url, what);
	return (-1);
}

static int
check_roles(const struct idp *i)
{
	const struct idp_role	*role, *other;
	unsigned int			 n = 0;
	int				 bad = 0;

	TAILQ_FOREACH(role, &i->roles, entry) {
		if (role->name[0] == '\0' ||
		    strlen(role->name) >= ISSUER_TEXT_MAX)
			bad = idp_says(i, "a role is empty or too long");
		TAILQ_FOREACH(other, &i->roles, entry)
			if (other == role)
				break;
			else if (strcmp(other->name, role->name) == 0)
				bad = idp_says(i, "a role is set twice");
		n++;
	}
	if (n == 0)
		bad = idp_says(i, "role is missing: nobody could do "
		    "anything");
	if (n > ISSUER_ROLES_MAX)
		bad = idp_says(i, "there are too many roles");
	return (bad);
}

/* What is written is compared with what tokens say, byte for byte. */
static int
check_text(const struct idp *i, const char *what, const char *text)
{
	if (text != NULL && text[0] != '\0' && strlen(text) < ISSUER_TEXT_MAX)
		return (0);
	log_warnx("administrators issuer \"%s\": %s is missing or too long",
	    i->url, what);
	return (-1);
}

static int
check_idp(const struct config *conf, const struct idp *i)
{
	const struct idp	*other;
	int			 bad = check_roles(i);

	if (strncmp(i->url, "https://", 8) != 0 || i->url[8] == '\0')
		bad = idp_says(i, "is no https URL");
	bad |= check_text(i, "its URL", i->url);
	bad |= check_text(i, "audience", i->audience);
	bad |= check_text(i, "claim", i->claim);
	if (i->jwks == NULL)
		bad = idp_says(i, "jwks file is missing");
	TAILQ_FOREACH(other, &conf->idps, entry) {
		if (other == i)
			break;
		if (strcmp(other->url, i->url) == 0)
			bad = idp_says(i, "is set twice");
	}
	return (bad);
}

int
idps_check(const struct config *conf)
{
	const struct idp	*i;
	unsigned int		 n = 0;
	int			 bad = 0;

	TAILQ_FOREACH(i, &conf->idps, entry) {
		bad |= check_idp(conf, i);
		if (n++ == ISSUERS_MAX)
			bad = idp_says(i, "there are too many");
	}
	return (bad);
}

/* --- printing ------------------------------------------------------------ */

static void
print_role(const struct idp_role *role)
{
	unsigned int	 n;

	printf("\trole ");
	print_quoted(role->name);
	if (role->permissions == PERM_ALL)
		printf(" all");
	else
		for (n = 0; permission_name(n) != NULL; n++)
			if ((role->permissions & 1U << n) != 0)
				printf(" %s", permission_name(n));
	putchar('\n');
}

void
idps_print(const struct config *conf)
{
	const struct idp		*i;
	const struct idp_role	*role;

	TAILQ_FOREACH(i, &conf->idps, entry) {
		printf("administrators issuer ");
		print_quoted(i->url);
		printf(" {\n\tjwks file ");
		print_quoted(i->jwks);
		printf("\n\taudience ");
		print_quoted(i->audience);
		printf("\n\tclaim ");
		print_quoted(i->claim);
		printf("\n\tlifetime %us\n", i->lifetime);
		TAILQ_FOREACH(role, &i->roles, entry)
			print_role(role);
		printf("}\n");
	}
}
