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
 * Requests as they end, until ^C.  kbsd does not wait for who reads slowly:
 * lines are lost then, and how many is told.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kbsctl.h"
#include "log.h"

/* Nothing is buffered but a line that is being written. */
static void
stop(int sig)
{
	(void)sig;
	_exit(KBSCTL_DONE);
}

static void
flush(void)
{
	if (fflush(stdout) == EOF)
		exit(KBSCTL_FAILED);
}

static void
put(const json_t *j, const char *name, int width)
{
	const char	*text = member_text(j, name);
	char		*safe;

	safe = table_encode(text[0] != '\0' ? text : "-");
	printf("%-*s  ", width, safe);
	free(safe);
}

/* Who: the user, or what kind of TEE it is. */
static void
put_finished(const json_t *j)
{
	const char	*time = strchr(member_text(j, "time"), 'T');
	char		*safe;

	printf("%-13.13s  ", time != NULL ? time + 1 : "-");
	put(j, "front", 10);
	put(j, "request", 18);
	put(j, "client", 15);
	put(j, "operation", 13);
	put(j, "object", 36);
	put(j, member_text(j, "who")[0] != '\0' ? "who" : "tee", 10);
	put(j, "outcome", 8);
	safe = table_encode(member_text(j, "error"));
	printf("%3lld  %6lld ms%s%s\n", (long long)json_integer_value(
	    json_object_get(j, "status")), (long long)json_integer_value(
	    json_object_get(j, "duration_ms")), safe[0] != '\0' ? "  " : "",
	    safe);
	free(safe);
}

static void
headings(void)
{
	static int	 told;

	if (told || options.json || options.quiet)
		return;
	told = 1;
	printf("%-13s  %-10s  %-18s  %-15s  %-13s  %-36s  %-10s  %-8s  %s\n",
	    "TIME", "FRONT", "REQUEST", "CLIENT", "OPERATION", "OBJECT",
	    "WHO", "OUTCOME", "STATUS AND TIME");
}

static void
monitor_line(json_t *line, void *arg)
{
	const json_t	*j, *lost = json_object_get(line, "lost");

	(void)arg;
	j = json_object_get(line, "finished");
	if (options.json && lost != NULL)
		json_print(line);
	else if (options.json && json_is_object(j))
		json_print(j);
	else if (lost != NULL)
		printf("(%lld lines were lost: too slow)\n",
		    (long long)json_integer_value(lost));
	else if (json_is_object(j))
		put_finished(j);
	else
		headings();	/* from now on */
	flush();
}

int
run_monitor(const struct command *c, const struct args *args)
{
	struct result	 result;

	(void)args;
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	for (;;) {
		session_call(request(c->wire), -1, monitor_line, NULL,
		    &result);
		if (result.error[0] != '\0')
			return (refused(&result));
		/* The set of processes that we watched ends. */
		session_close();
		log_warnx("kbsd is being reloaded or stopped");
	}
}
