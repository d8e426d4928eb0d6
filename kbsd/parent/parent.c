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
 * kbsd: the parent.  It reads the configuration, opens files and sockets,
 * starts the other processes, passes them descriptors and replaces those
 * that die.  It reads no secret and nothing that a client sent.
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "sandbox.h"
#include "timer.h"
#include "version.h"

#define STOP_SECONDS		4
#define STOP_DRAIN_SECONDS	2

time_t		 parent_since;

static const char	*conf_path = SYSCONFDIR "/kbsd/kbsd.conf";
static int		 conf_named;	/* by -f */
static int		 stopping, exit_status;
static int		 reloading;	/* by whom: COMMAND waits for no one */

static void
usage(void)
{
	fprintf(stderr, "usage: kbsd [-dnVv] [-D macro=value] [-f file]\n"
	    "  -d        stay in the foreground, log to standard error\n"
	    "  -D m=v    define a macro for the configuration\n"
	    "  -f file   configuration (default %s)\n"
	    "  -n        check the configuration and exit; -nv prints it\n"
	    "  -V        print the version and exit\n"
	    "  -v        log more; -vv logs every message\n", conf_path);
	exit(2);
}

static struct config *
parent_read(void)
{
	struct config	*conf;

	/*
	 * Without a file at the usual place the environment does, or else the
	 * defaults.
	 */
	if (!conf_named && access(conf_path, F_OK) == -1 && errno == ENOENT) {
		if (env_present()) {
			conf_named = 1;
			if ((conf_path = env_config()) == NULL)
				return (NULL);
			return (config_parse(conf_path));
		}
		conf = config_new();
		if (config_finish(conf) == 0)
			return (conf);
		config_free(conf);
		return (NULL);
	}
	return (config_parse(conf_path));
}

/* Who waits for the end of a reload. */
static struct {
	struct child	*control;
	uint64_t	 tag;
} asker;

/* lines NULL: why not. */
static void
parent_answer(const struct words *lines, const char *why)
{
	static const char *const	 names[] = { "changed" };
	const struct word		*line;
	struct wbuf			 w = { 0 }, cells = { 0 };
	uint32_t			 n = 0;

	if (asker.control == NULL)
		return;
	if (lines != NULL)
		TAILQ_FOREACH(line, lines, entry) {
			wb_str(&cells, line->text);
			n++;
		}
	wb_u64(&w, asker.tag);
	wb_u8(&w, lines != NULL);
	wb_str(&w, why);
	command_table(&w, names, 1, n, &cells);
	(void)child_send(asker.control, IMSG_CONTROL_REPLY, &w);
	asker.control = NULL;
}

/* Takes the configuration over. */
static int
parent_renew(struct config *conf)
{
	reloading = 1;
	notify_reloading();
	if (set_start(conf) == 0)
		return (0);
	reloading = 0;
	notify("READY=1");
	return (-1);
}

static int
parent_is_busy(void)
{
	struct set	*set;
	unsigned int	 n = 0;

	TAILQ_FOREACH(set, &sets, entry)
		n++;
	return (stopping || reloading || n > 1 || rekey_goes_on());
}

int
parent_reload(struct child *control, uint64_t tag, char *why, size_t whysize)
{
	struct config	*conf;

	if (parent_is_busy()) {
		strlcpy(why, rekey_goes_on() ? "a keystore gets a new master "
		    "key: try again" : "an earlier reload is not finished yet",
		    whysize);
		goto refused;
	}
	if ((conf = parent_read()) == NULL) {
		strlcpy(why, "the configuration has errors: see the log; the "
		    "old one goes on", whysize);
		goto refused;
	}
	asker.control = control;
	asker.tag = tag;
	if (parent_renew(conf) == 0)
		return (0);
	asker.control = NULL;
	strlcpy(why, "the new configuration can't be started: see the log; "
	    "the old one goes on", whysize);
refused:
	collect_reloaded(0);
	log_warnx("reload refused: %s", why);
	notify("STATUS=reload refused: %s", why);
	return (-1);
}

int
parent_again(void)
{
	struct set	*set = set_serving();

	if (parent_is_busy() || set == NULL)
		return (-1);
	if (parent_renew(config_ref(set->conf)) == -1)
		log_warnx("reload refused: see above; what was there before "
		    "goes on");
	return (0);
}

void
parent_changed(struct set *set)
{
	const struct word	*line;

	TAILQ_FOREACH(line, &set->changes, entry)
		log_info("reload: %s", line->text);
	parent_answer(&set->changes, "");
	watch_begin(set);
}

void
parent_serving(const struct set *set)
{
	const struct child	*c, *first = TAILQ_FIRST(&set->children);
	unsigned int		 n = 0;

	TAILQ_FOREACH(c, &set->children, entry)
		n++;
	if (reloading)
		collect_reloaded(1);
	reloading = 0;
	output_format(set->conf->log_format);
	log_info("configuration %u is serving with %u processes, each in: %s",
	    set->number, n, first->force);
	TAILQ_FOREACH(c, &set->children, entry)
		if (strcmp(c->force, first->force) != 0)
			log_info("but %s %u in: %s", process_name(c->kind),
			    c->instance, c->force);
	if (set->users.drop)
		log_info("they run as %s and, where they hold keys, as %s",
		    set->conf->user, set->conf->keyuser);
	else
		log_warnx("not started as root: all processes share uid %u "
		    "and none stands in a chroot", (unsigned int)getuid());
	notify("READY=1\nSTATUS=configuration %u is serving with %u processes",
	    set->number, n);
}

void
parent_set_failed(void)
{
	if (reloading) {
		reloading = 0;
		collect_reloaded(0);
		log_warnx("reload refused: the new processes did not come "
		    "up; the old ones go on");
		parent_answer(NULL, "the new processes did not come up: see "
		    "the log; the old ones go on");
		notify("READY=1\nSTATUS=reload refused: the new processes did "
		    "not come up");
		return;
	}
	exit_status = 1;
}

void
parent_gone(void)
{
	event_base_loopbreak(base);
}

static void
parent_kill(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(base);
}

void
parent_stop(int status)
{
	static struct event	*timer;
	struct set		*set, *next;
	struct timeval		 tv = { .tv_sec = STOP_SECONDS };

	if (stopping)
		return;
	stopping = 1;
	exit_status = status;
	notify("STOPPING=1\nSTATUS=stopping");
	if ((timer = evtimer_new(base, parent_kill, NULL)) != NULL)
		evtimer_add(timer, &tv);
	/* Whose sockets outlive it finishes what it has begun. */
	TAILQ_FOREACH_SAFE(set, &sets, entry, next)
		if (status == 0 && inherit_any() && set->serving)
			set_drain(set, STOP_DRAIN_SECONDS);
		else
			set_end(set);
}

int
parent_stopping(void)
{
	return (stopping);
}

void
parent_verbose(int level)
{
	struct set	*set;
	struct child	*c;
	struct wbuf	 w = { 0 };

	log_setverbose(level);
	TAILQ_FOREACH(set, &sets, entry)
		TAILQ_FOREACH(c, &set->children, entry) {
			if (c->state != CHILD_READY)
				continue;
			wb_u8(&w, (uint8_t)level);
			child_send(c, IMSG_PROCESS_VERBOSE, &w);
		}
}

static void
parent_signal(int sig, short what, void *arg)
{
	char	 why[ERROR_TEXT_MAX];
	int	 status;
	pid_t	 pid;

	(void)what;
	(void)arg;
	switch (sig) {
	case SIGCHLD:
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			child_reap(pid, status);
		break;
	case SIGUSR1:
		log_info("SIGUSR1: opening the audit log anew");
		(void)audit_reopen();
		break;
	case SIGHUP:
		log_info("SIGHUP: reading the configuration again");
		(void)parent_reload(NULL, 0, why, sizeof(why));
		break;
	default:
		log_info("signal %d: kbsd stops", sig);
		parent_stop(0);
		break;
	}
}

static void
parent_signals(void)
{
	static const int	 sigs[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT,
				    SIGUSR1 };
	struct event		*ev;
	size_t			 i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		if ((ev = evsignal_new(base, sigs[i], parent_signal,
		    NULL)) == NULL || event_add(ev, NULL) == -1)
			fatalx("signals");
}

static void
parent_limits(void)
{
	struct rlimit	 rl;

	/* Frontends hold many connections; children inherit the limit. */
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	rl.rlim_cur = rl.rlim_max = 0;
	(void)setrlimit(RLIMIT_CORE, &rl);
}

struct options {
	int	 foreground;
	int	 check;
	int	 verbose;
};

static void
parent_options(int argc, char *argv[], struct options *o)
{
	int	 ch;

	while ((ch = getopt(argc, argv, "dD:f:nVv")) != -1)
		switch (ch) {
		case 'd':
			o->foreground = 1;
			break;
		case 'D':
			if (config_macro(optarg) == -1)
				errx(2, "-D %s: write macro=value", optarg);
			break;
		case 'f':
			conf_path = optarg;
			conf_named = 1;
			break;
		case 'n':
			o->check = 1;
			break;
		case 'V':
			printf("kbsd %s (%s)\n", KBSD_VERSION, KBSD_GITHASH);
			exit(0);
		case 'v':
			o->verbose++;
			break;
		default:
			usage();
		}
	if (optind != argc)
		usage();
}

int
main(int argc, char *argv[])
{
	struct options	 o = { 0 };
	struct config	*conf;

	log_init(LOG_TO_STDERR, "kbsd");
	inherit_init();
	notify_init();
	env_init();
	parent_options(argc, argv, &o);
	conf = parent_read();
	env_forget();
	if (conf == NULL)
		exit(1);
	if (o.check) {
		if (o.verbose > 0)
			config_print(conf);
		fprintf(stderr, "configuration OK\n");
		exit(0);
	}
	/* A relative -f must still be found at a reload. */
	if (conf_named && (conf_path = realpath(conf_path, NULL)) == NULL)
		fatal("realpath");
	child_program_dir(argv[0]);
	log_setverbose(o.verbose > conf->verbose ? o.verbose : conf->verbose);
	if (!o.foreground && daemon(0, 0) == -1)
		fatal("daemon");
	output_init(o.foreground);
	output_format(conf->log_format);
	setproctitle("parent");
	umask(0077);
	parent_limits();
	sandbox_schedule();
	parent_since = time(NULL);
	if ((base = loop_new()) == NULL)
		fatalx("no event loop");
	parent_signals();
	audit_watch();
	log_info("kbsd %s starts", KBSD_VERSION);
	/* Its first processes may have failed already: no loop would end. */
	if (set_start(conf) == -1 || TAILQ_EMPTY(&sets))
		exit(1);
	inherit_tell();
	notify_watch();
	event_base_dispatch(base);
	log_info("kbsd has stopped");
	exit(exit_status);
}
