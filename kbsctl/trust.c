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

/* Who is believed, and for how long: attestation blocks and certificates. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kbsctl.h"

#define DAYS_ENDING	30	/* what ends by then is marked */
#define DAY		86400

/* --- attestation --------------------------------------------------------- */

/* What one process says of a block. */
static json_t *
told_json(const struct reply *r, size_t row)
{
	json_t	*j = object();

	set(j, "instance", value(cell(r, row, "instance")));
	set(j, "state", json_string(cell(r, row, "state")));
	set(j, "last_success", moment_json(cell(r, row, "last_success")));
	set(j, "last_failure", moment_json(cell(r, row, "last_failure")));
	set(j, "trouble", json_string(cell(r, row, "trouble")));
	if (strcmp(cell(r, row, "process"), "verifier") == 0) {
		set(j, "keys", value(cell(r, row, "keys")));
		set(j, "keys_fetched", moment_json(cell(r, row,
		    "keys_fetched")));
	}
	return (j);
}

static json_t *
block_json(const struct reply *roots, size_t n, const struct reply *told)
{
	const char	*name = cell(roots, n, "attestation");
	json_t		*j = object(), *root = object(), *who = array();
	size_t		 row;

	set(j, "attestation", json_string(name));
	set(root, "file", json_string(cell(roots, n, "root")));
	set(root, "state", json_string(cell(roots, n, "state")));
	set(root, "sha256", json_string(cell(roots, n, "sha256")));
	set(j, "root", root);
	set(j, "service", json_null());
	for (row = 0; row < json_array_size(told->rows); row++) {
		if (strcmp(cell(told, row, "attestation"), name) != 0)
			continue;
		if (strcmp(cell(told, row, "process"), "fetcher") == 0)
			set(j, "service", told_json(told, row));
		else
			array_add(who, told_json(told, row));
	}
	set(j, "verifiers", who);
	return (j);
}

static void
attestation_json(const struct reply *roots, const struct reply *told)
{
	json_t	*all = array();
	size_t	 i;

	for (i = 0; i < json_array_size(roots->rows); i++)
		array_add(all, block_json(roots, i, told));
	print_free(all);
}

/* The root of a block, as short as people need it. */
static const char *
root_text(const struct reply *roots, const char *name, char *text,
    size_t size)
{
	size_t	 i;

	for (i = 0; i < json_array_size(roots->rows); i++) {
		if (strcmp(cell(roots, i, "attestation"), name) != 0)
			continue;
		(void)snprintf(text, size, "%s %.16s", cell(roots, i,
		    "state"), cell(roots, i, "sha256"));
		return (text);
	}
	return ("-");
}

static void
attestation_row(struct table *t, const struct reply *told, size_t row,
    const void *arg)
{
	const struct reply	*roots = arg;
	const char		*cells[9];
	char			 who[80], root[96], good[RFC3339_TEXT];
	char			 bad[RFC3339_TEXT], came[RFC3339_TEXT];
	int			 verifier;

	verifier = strcmp(cell(told, row, "process"), "verifier") == 0;
	(void)snprintf(who, sizeof(who), "%s %s", cell(told, row, "process"),
	    cell(told, row, "instance"));
	cells[0] = cell(told, row, "attestation");
	cells[1] = who;
	cells[2] = cell(told, row, "state");
	cells[3] = moment(cell(told, row, "last_success"), good);
	cells[4] = moment(cell(told, row, "last_failure"), bad);
	cells[5] = cell(told, row, "keys");
	cells[6] = verifier ? moment(cell(told, row, "keys_fetched"), came) :
	    "-";
	cells[7] = verifier ? root_text(roots, cells[0], root, sizeof(root)) :
	    "-";
	cells[8] = cell(told, row, "trouble");
	table_row(t, cells);
}

/* The parent knows the roots, the processes how it goes. */
int
run_attestation(const struct command *c, const struct args *args)
{
	struct reply	 roots = { 0 }, told = { 0 };
	struct result	 result;
	int		 silent;

	(void)args;
	session_call(request("show roots"), ANSWER_SECONDS, reply_line,
	    &roots, &result);
	if (result.error[0] != '\0')
		exit(refused(&result));
	silent = ask_page(c, &told, -1, "attestation") == -1;
	if (options.json)
		attestation_json(&roots, &told);
	else
		show_rows(&told, "ATTESTATION|PROCESS|STATE|LAST SUCCESS|"
		    "LAST FAILURE|KEYS|FETCHED|ROOT|TROUBLE", 9,
		    attestation_row, &roots);
	reply_free(&roots);
	reply_free(&told);
	return (silent ? KBSCTL_FAILED : KBSCTL_DONE);
}

/* --- certificates -------------------------------------------------------- */

/* Days until it ends, rounded down: below 0 when it has ended. */
static long long
days_left(const struct reply *r, size_t row, long long now)
{
	long long	 left = number(cell(r, row, "not_after")) - now;

	return (left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY));
}

/* "DNS:a, IP Address:b" as an array. */
static json_t *
names_json(const char *text)
{
	json_t		*all = array();
	size_t		 len;

	while (*text != '\0') {
		len = strcspn(text, ",");
		array_add(all, json_stringn(text, len));
		text += len;
		text += strspn(text, ", ");
	}
	return (all);
}

static void
certificates_json(const struct reply *r, long long now)
{
	static const char *const	 plain[] = { "process", "use", "of",
					    "subject", "serial", "sha256" };
	json_t				*all = array(), *j;
	long long			 left;
	size_t				 i, row;

	for (row = 0; row < json_array_size(r->rows); row++) {
		left = days_left(r, row, now);
		j = object();
		for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
			set(j, plain[i], json_string(cell(r, row, plain[i])));
		set(j, "instance", value(cell(r, row, "instance")));
		set(j, "names", names_json(cell(r, row, "names")));
		set(j, "not_before", moment_json(cell(r, row,
		    "not_before")));
		set(j, "not_after", moment_json(cell(r, row, "not_after")));
		set(j, "days_left", json_integer(left));
		set(j, "ending", json_boolean(left < DAYS_ENDING));
		set(j, "others", value(cell(r, row, "others")));
		array_add(all, j);
	}
	print_free(all);
}

static void
certificate_row(struct table *t, const struct reply *r, size_t row,
    const void *arg)
{
	const long long	*now = arg;
	const char	*cells[9];
	char		 who[80], until[RFC3339_TEXT], days[48];
	long long	 left;

	left = days_left(r, row, *now);
	(void)snprintf(who, sizeof(who), "%s %s", cell(r, row, "process"),
	    cell(r, row, "instance"));
	(void)snprintf(days, sizeof(days), "%lld%s", left, left < 0 ?
	    " ENDED" : left < DAYS_ENDING ? " ENDS" : "");
	cells[0] = cell(r, row, "use");
	cells[1] = cell(r, row, "of");
	cells[2] = who;
	cells[3] = moment(cell(r, row, "not_after"), until);
	cells[4] = days;
	cells[5] = cell(r, row, "sha256");
	cells[6] = cell(r, row, "serial");
	cells[7] = cell(r, row, "subject");
	cells[8] = cell(r, row, "names");
	table_row(t, cells);
}

int
run_certificates(const struct command *c, const struct args *args)
{
	struct reply	 reply = { 0 };
	long long	 now = (long long)time(NULL);
	int		 silent;

	(void)args;
	/* Who has no certificate says nothing: a subject may be empty. */
	silent = ask_page(c, &reply, -1, "sha256") == -1;
	if (options.json)
		certificates_json(&reply, now);
	else
		show_rows(&reply, "USE|OF|PROCESS|UNTIL|DAYS|SHA-256|SERIAL|"
		    "SUBJECT|NAMES", 9, certificate_row, &now);
	reply_free(&reply);
	return (silent ? KBSCTL_FAILED : KBSCTL_DONE);
}
