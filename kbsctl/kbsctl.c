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
 * kbsctl: options, and the end of things.  It asks the control process of a
 * running kbsd over its local socket and prints what comes back.  Passwords
 * and key material that it reads are wiped and never stand in an argv.
 */

#include <sys/resource.h>

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "kbsctl.h"
#include "log.h"

static void
prepare(void)
{
	const struct rlimit	 none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("setrlimit");
	signal(SIGPIPE, SIG_IGN);
	/* Which bytes are characters, and nothing else of it. */
	(void)setlocale(LC_CTYPE, "");
	json_init();
}

int
main(int argc, char *argv[])
{
	const struct command	*cmd;
	struct args		 args;
	int			 ch, rv;

	log_init(LOG_TO_STDERR, "kbsctl");
	/* Options of commands are not ours: stop at the first word. */
	while ((ch = getopt(argc, argv, "+jqs:")) != -1) {
		switch (ch) {
		case 'j':
			options.json = 1;
			break;
		case 'q':
			options.quiet = 1;
			break;
		case 's':
			options.socket = optarg;
			break;
		default:
			usage_all(stderr, commands, ncommands);
			return (KBSCTL_USAGE);
		}
	}
	prepare();
	/* Not in the table: shells ask, not people. */
	if (optind < argc && strcmp(argv[optind], "complete") == 0)
		return (complete(argc - optind - 1, argv + optind + 1));
	cmd = parse(commands, ncommands, argc - optind, argv + optind, &args);
	rv = cmd->run(cmd, &args);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_warn("standard output");
		rv = KBSCTL_FAILED;
	}
	return (rv);
}
