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
 * Words for who types: help, and what a shell may put in the place of the
 * word that is begun.  All of it is of the table of commands, where the usage
 * says what follows, and of the daemon, if it answers at once.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsctl.h"
#include "log.h"

#define ALTERNATIVES	4
#define PLACES		4
#define TOKEN_MAX	32
#define ASK_SECONDS	5

int
run_help(const struct command *c, const struct args *args)
{
	(void)c;
	if (args->nwords == 0)
		usage_all(stdout, commands, ncommands);
	else
		usage_of(commands, ncommands, args->word[0],
		    args->nwords > 1 ? args->word[1] : NULL);
	return (KBSCTL_DONE);
}

/* --- candidates ---------------------------------------------------------- */

static const char	*begun;		/* the word that is completed */

static void
offer(const char *word)
{
	char	*safe;

	if (strncmp(word, begun, strlen(begun)) != 0)
		return;
	safe = table_encode(word);
	printf("%s\n", safe);
	free(safe);
}

/* First words of the table, or second ones behind a first. */
static void
offer_words(const char *first)
{
	const struct command	*c;
	const char		*last = "";
	size_t			 i;

	for (i = 0; i < ncommands; i++) {
		c = &commands[i];
		if (first != NULL && strcmp(c->first, first) == 0)
			offer(c->second);
		else if (first == NULL && strcmp(c->first, last) != 0)
			offer(c->first);
		last = c->first;
	}
}

/* What to ask for, and which member of the answer is a word. */
struct source {
	const char	*wire;
	const char	*object;	/* NULL: a column of a table */
	const char	*member;
	int		 level;
};

static void
source_line(json_t *line, void *arg)
{
	const struct source	*s = arg;

	offer(member_text(json_object_get(line, s->object), s->member));
}

/* A shell waits: without a daemon there is nothing more to offer. */
static void
offer_asked(const struct source *source)
{
	struct source	 s = *source;
	struct reply	 reply = { 0 };
	struct result	 result;
	json_t		*req = request(s.wire);
	size_t		 row;

	fflush(stdout);
	signal(SIGALRM, SIG_DFL);
	alarm(ASK_SECONDS);
	if (s.level)
		set(req, "level", json_integer(0));
	if (s.object != NULL) {
		session_call(req, ASK_SECONDS, source_line, &s, &result);
		return;
	}
	session_call(req, ASK_SECONDS, reply_line, &reply, &result);
	for (row = 0; row < json_array_size(reply.rows); row++)
		offer(cell(&reply, row, s.member));
	reply_free(&reply);
}

static void
offer_list(const char *const *words)
{
	for (; *words != NULL; words++)
		offer(*words);
}

static void
offer_permissions(void)
{
	unsigned int	 i;

	for (i = 0; permission_name(i) != NULL; i++)
		offer(permission_name(i));
}

static void
offer_files(void)
{
	printf(":files\n");
}

static void
offer_commands(void)
{
	offer_words(NULL);
}

static const char *const	 algorithms[] = { "AES", "RSA", "EC", NULL };
static const char *const	 curves[] = { "secp256r1", "secp384r1",
				    "secp521r1", NULL };
static const struct source	 keys = { "key list", "key", "id", 0 };
static const struct source	 policies = { "policy list", "policy", "id",
				    0 };
static const struct source	 users = { "user list", "user", "username",
				    0 };
static const struct source	 keystores = { "show keystores", NULL,
				    "keystore", 1 };
static const struct source	 blocks = { "show roots", NULL,
				    "attestation", 0 };

/* What stands for a word in the usage, and what it may be. */
static const struct {
	const char		*token;
	const struct source	*source;
	const char *const	*words;
	void			(*fn)(void);
} tokens[] = {
	{ "file", NULL, NULL, offer_files },
	{ "passwordfile", NULL, NULL, offer_files },
	{ "privatekey", NULL, NULL, offer_files },
	{ "directory", NULL, NULL, offer_files },
	{ "root", NULL, NULL, offer_files },
	{ "command", NULL, NULL, offer_commands },
	{ "permission", NULL, NULL, offer_permissions },
	{ "algorithm", NULL, algorithms, NULL },
	{ "curve", NULL, curves, NULL },
	{ "keyid", &keys, NULL, NULL },
	{ "policyid", &policies, NULL, NULL },
	{ "name", &users, NULL, NULL },
	{ "keystore", &keystores, NULL, NULL },
	{ "attestation", &blocks, NULL, NULL },
};

static void
offer_token(const char *token, int asking)
{
	size_t	 i;

	if (strcmp(token, "all") == 0 && !asking)
		offer(token);
	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		if (strcmp(tokens[i].token, token) != 0 ||
		    (tokens[i].source != NULL) != asking)
			continue;
		if (tokens[i].source != NULL)
			offer_asked(tokens[i].source);
		else if (tokens[i].words != NULL)
			offer_list(tokens[i].words);
		else
			tokens[i].fn();
	}
}

/* --- what a usage says --------------------------------------------------- */

struct usage {
	char	 place[PLACES][ALTERNATIVES][TOKEN_MAX];
	int	 nplaces;
	int	 repeats;		/* the last place */
	char	 option[128][TOKEN_MAX];	/* what follows it */
};

static void
place_add(struct usage *u, const char *token, int alternative)
{
	int	 i = 0;

	if (!alternative && u->nplaces == PLACES)
		return;
	if (!alternative || u->nplaces == 0)
		u->nplaces++;
	while (i < ALTERNATIVES - 1 &&
	    u->place[u->nplaces - 1][i][0] != '\0')
		i++;
	(void)strlcpy(u->place[u->nplaces - 1][i], token, TOKEN_MAX);
}

/* "[-p policyid] keyid | name ..." */
static void
usage_read(struct usage *u, const struct command *c)
{
	char		*copy, *rest, *token;
	const char	*letter;
	int		 alternative = 0, option = 0;

	memset(u, 0, sizeof(*u));
	if ((rest = copy = strdup(c->usage)) == NULL)
		no_memory();
	while ((token = strsep(&rest, " []")) != NULL) {
		if (token[0] == '\0')
			continue;
		if (strcmp(token, "|") == 0) {
			alternative = 1;
			continue;
		}
		letter = token[0] == '-' && token[1] != '-' &&
		    token[1] != '\0' ? strchr(c->letters, token[1]) : NULL;
		if (strcmp(token, "...") == 0)
			u->repeats = 1;
		else if (option != 0) {
			(void)strlcpy(u->option[option], token, TOKEN_MAX);
			option = 0;
		} else if (token[0] == '-')
			option = letter == NULL ? args_letter(token) :
			    letter[1] == ':' ? token[1] & 0x7f : 0;
		else
			place_add(u, token, alternative);
		alternative = 0;
	}
	free(copy);
}

static void
offer_alternatives(char alternatives[ALTERNATIVES][TOKEN_MAX])
{
	int	 i, asking;

	/* The daemon last: it may not answer. */
	for (asking = 0; asking < 2; asking++)
		for (i = 0; i < ALTERNATIVES; i++)
			offer_token(alternatives[i], asking);
}

static void
offer_options(const struct command *c)
{
	char		 text[3] = "-";
	const char	*p;

	for (p = c->letters; *p != '\0'; p++)
		if (*p != ':') {
			text[1] = *p;
			offer(text);
		}
}

/* --- finding out where it stands ----------------------------------------- */

/* The option that this word is, when the next one belongs to it; or 0. */
static int
takes_next(const struct command *c, const char *word)
{
	const char	*letter;

	if (strncmp(word, "--", 2) == 0)
		return (args_letter(word));
	if (word[0] != '-' || word[1] == '\0' || word[2] != '\0' ||
	    word[1] == ':' || (letter = strchr(c->letters, word[1])) == NULL)
		return (0);
	return (letter[1] == ':' ? word[1] & 0x7f : 0);
}

static void
complete_args(const struct command *c, int n, char *words[])
{
	struct usage	 u;
	int		 i, option = 0, place = 0;

	usage_read(&u, c);
	for (i = 0; i < n - 1; i++) {
		if (option != 0)
			option = 0;
		else if ((option = takes_next(c, words[i])) == 0 &&
		    (words[i][0] != '-' || words[i][1] == '\0'))
			place++;
	}
	if (option != 0) {
		offer_token(u.option[option], 0);
		offer_token(u.option[option], 1);
	} else if (begun[0] == '-')
		offer_options(c);
	else if (place < u.nplaces || (u.repeats && u.nplaces > 0))
		offer_alternatives(u.place[place < u.nplaces ? place :
		    u.nplaces - 1]);
}

/* Past kbsctl's own options; -1: the word is what one of them wants. */
static int
skip_own(int n, char *words[])
{
	int	 i;

	for (i = 0; i < n - 1 && words[i][0] == '-'; i++) {
		if (strcmp(words[i], "-s") != 0)
			continue;
		if (++i == n - 1)
			return (-1);
		options.socket = words[i];
	}
	return (i);
}

int
complete(int n, char *words[])
{
	static const char *const	 own[] = { "-j", "-q", "-s", NULL };
	const struct command		*c;
	int				 i;

	if (n > 0 && strcmp(words[0], "--") == 0) {
		n--;
		words++;
	}
	if (n == 0)
		return (KBSCTL_USAGE);
	begun = words[n - 1];
	if ((i = skip_own(n, words)) == -1)
		offer_files();
	else if (n - i == 1 && begun[0] == '-')
		offer_list(own);
	else if (n - i == 1)
		offer_words(NULL);
	else if ((c = parse_find(commands, ncommands, words[i],
	    n - i > 2 ? words[i + 1] : NULL)) == NULL)
		return (KBSCTL_DONE);
	else if (c->second != NULL && n - i == 2)
		offer_words(c->first);
	else
		complete_args(c, n - i - (c->second != NULL ? 2 : 1),
		    words + i + (c->second != NULL ? 2 : 1));
	return (KBSCTL_DONE);
}
