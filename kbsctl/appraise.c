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
 * `appraise': a quote, a report or a token, verified here, step by step, with
 * no daemon.  kbsctl reads the files and prints; a verifier judges.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "kbsctl.h"
#include "log.h"
#include "once.h"

#define TIME_MAX	253402300799LL	/* the end of the year 9999 */

/* The files, and what holds them. */
struct asked {
	struct once	 once;
	uint8_t		*data[ONCE_PARTS];
};

/* --- what is asked ------------------------------------------------------- */

static int64_t
time_option(const struct command *c, const char *text)
{
	const char	*why;
	int64_t		 t;

	if (text == NULL)
		return ((int64_t)time(NULL));
	t = strtonum(text, 0, TIME_MAX, &why);
	if (why != NULL)
		usage_command(c, "-t %s: %s: it is in Unix seconds", text,
		    why);
	return (t);
}

static int
part_read(struct asked *a, enum once_part part, const char *path, char *why,
    size_t whysize)
{
	struct once_bytes	*b = &a->once.part[part];

	a->data[part] = input_try(path, once_files[part].max, &b->len, why,
	    whysize);
	b->p = a->data[part];
	return (b->p == NULL ? -1 : 0);
}

/* What is not there is missing; what is there must be readable. */
static void
collateral_read(struct asked *a, const char *dir)
{
	struct stat	 st;
	char		 path[4096], why[512];
	int		 i;

	if (stat(dir, &st) == -1)
		die("%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		die("%s: not a directory", dir);
	for (i = 0; i < ONCE_PARTS; i++) {
		if (once_files[i].name == NULL)
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir,
		    once_files[i].name) >= sizeof(path))
			die("%s: the name is too long", dir);
		if (part_read(a, (enum once_part)i, path, why,
		    sizeof(why)) == -1 && errno != ENOENT)
			die("%s", why);
	}
}

static void
asked_free(struct asked *a)
{
	size_t	 i;

	for (i = 0; i < ONCE_PARTS; i++)
		free(a->data[i]);
}

/* --- what is answered ---------------------------------------------------- */

/* An answer to what no verifier has judged. */
static json_t *
rejected(const char *reason, const char *text, int64_t now)
{
	json_t	*j = object();
	char	 then[RFC3339_TEXT];

	set(j, "verdict", json_string("reject"));
	set(j, "reason", json_string(reason));
	if (json_object_set_new(j, "text", json_string(text)) == -1)
		set(j, "text", json_string("the file can't be read"));
	set(j, "status", json_null());
	set(j, "advisories", json_array());
	set(j, "kind", json_null());
	set(j, "time", json_string(rfc3339_format(now, then)));
	set(j, "steps", json_array());
	set(j, "proven", json_false());
	set(j, "claims", json_object());
	return (j);
}

static int
answer_sound(const json_t *j)
{
	const char	*verdict = member_text(j, "verdict");

	return (json_is_object(j) && (strcmp(verdict, "ok") == 0 ||
	    strcmp(verdict, "reject") == 0));
}

/* NULL with why. */
static json_t *
ask(const struct once *once, char *why, size_t whysize)
{
	static const struct json_limits	 limits = { ONCE_ANSWER_MAX, 40000,
					    40 };
	struct wbuf			 w = { 0 };
	json_t				*j = NULL;
	char				*text;
	size_t				 len;

	once_put(&w, once);
	if (w.failed)
		no_memory();
	why[0] = '\0';
	if ((text = verifier_ask(&w, &len, why, whysize)) != NULL) {
		j = json_read(text, len, &limits, why, whysize);
		if (!answer_sound(j)) {
			json_decref(j);
			j = NULL;
			(void)strlcpy(why, "the verifier's answer makes no "
			    "sense", whysize);
		}
	}
	free(text);
	wb_free(&w);
	return (j);
}

/* --- printing it --------------------------------------------------------- */

/* The text of a value, whatever it is; malloc'd. */
static char *
value_text(const json_t *j)
{
	char	*text;
	size_t	 len;

	if (json_is_string(j))
		text = strdup(json_string_value(j));
	else
		text = json_write(j, &len);
	if (text == NULL)
		no_memory();
	return (text);
}

static void
pair(struct table *t, const char *name, const json_t *value)
{
	const char	*cells[2];
	char		*text = value_text(value);

	cells[0] = name;
	cells[1] = text;
	table_row(t, cells);
	free(text);
}

static void
print_advisories(struct table *t, const json_t *ids)
{
	const char	*cells[2] = { "advisories", NULL };
	char		 text[4096] = "";
	size_t		 i;

	for (i = 0; i < json_array_size(ids); i++) {
		if (i > 0)
			(void)strlcat(text, " ", sizeof(text));
		(void)strlcat(text, json_is_string(json_array_get(ids, i)) ?
		    json_string_value(json_array_get(ids, i)) : "?",
		    sizeof(text));
	}
	cells[1] = text;
	table_row(t, cells);
}

static void
print_summary(const json_t *answer)
{
	static const char *const	 names[] = { "kind", "tee", "version",
					    "time", "verdict", "reason",
					    "text", "status", "crl" };
	struct table			*t = table_new("|", 2);
	const json_t			*value;
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = json_object_get(answer, names[i]);
		if (value == NULL || json_is_null(value))
			continue;
		pair(t, names[i], value);
	}
	if (json_is_string(json_object_get(answer, "status")))
		print_advisories(t, json_object_get(answer, "advisories"));
	table_print(t, 0);
	table_free(t);
}

static void
print_steps(const json_t *steps)
{
	struct table	*t = table_new("STEP|RESULT", 2);
	const json_t	*step;
	size_t		 i;

	json_array_foreach(steps, i, step)
		pair(t, member_text(step, "step"), json_object_get(step,
		    "result"));
	if (i > 0) {
		printf("\n");
		table_print(t, !options.quiet);
	}
	table_free(t);
}

static void
print_claims(json_t *claims, int proven)
{
	struct table	*t = table_new(proven ? "CLAIM|VALUE" :
			    "CLAIM (NOT PROVEN)|VALUE", 2);
	const char	*name;
	json_t		*value;
	size_t		 n = 0;

	json_object_foreach(claims, name, value) {
		pair(t, name, value);
		n++;
	}
	if (n > 0) {
		printf("\n");
		table_print(t, !options.quiet);
	}
	table_free(t);
}

static int
print_answer(json_t *answer)
{
	if (options.json)
		json_print(answer);
	else {
		print_summary(answer);
		print_steps(json_object_get(answer, "steps"));
		print_claims(json_object_get(answer, "claims"),
		    json_is_true(json_object_get(answer, "proven")));
	}
	if (strcmp(member_text(answer, "verdict"), "ok") == 0)
		return (KBSCTL_DONE);
	return (KBSCTL_FAILED);
}

int
run_appraise(const struct command *c, const struct args *args)
{
	struct asked	 a;
	json_t		*answer;
	char		 why[2048];
	int		 rv;

	memset(&a, 0, sizeof(a));
	if (args->option['j'] != NULL)
		options.json = 1;
	a.once.now = time_option(c, args->option['t']);
	if (args->option['c'] != NULL)
		collateral_read(&a, args->option['c']);
	if (args->option['r'] != NULL && part_read(&a, ONCE_ROOT,
	    args->option['r'], why, sizeof(why)) == -1)
		die("%s", why);
	if (part_read(&a, ONCE_EVIDENCE, args->word[0], why,
	    sizeof(why)) == -1) {
		log_warnx("%s", why);
		answer = rejected("unreadable", why, a.once.now);
	} else if ((answer = ask(&a.once, why, sizeof(why))) == NULL) {
		log_warnx("%s", why);
		answer = rejected("not_judged", why, a.once.now);
	}
	rv = print_answer(answer);
	if (rv != KBSCTL_DONE &&
	    strcmp(member_text(answer, "reason"), "unreadable") == 0)
		rv = KBSCTL_UNREADABLE;
	json_decref(answer);
	asked_free(&a);
	return (rv);
}
