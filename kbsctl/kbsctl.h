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

#ifndef KBSCTL_H
#define KBSCTL_H

#include <sys/queue.h>

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"
#include "rfc3339.h"

/* What it exits with. */
enum kbsctl_exit {
	KBSCTL_DONE,
	KBSCTL_FAILED,		/* refused, or it could not be done */
	KBSCTL_USAGE,
	KBSCTL_ABSENT,		/* no kbsd answers */
	/* appraise: it is no evidence */
	KBSCTL_UNREADABLE = KBSCTL_USAGE
};

struct options {
	int		 json;		/* -j */
	int		 quiet;		/* -q */
	const char	*socket;	/* -s */
};
extern struct options	 options;

/* --- parse.c: words to commands ------------------------------------------ */

#define WORDS_MAX	32

struct command;
struct result;

struct args {
	const char	*option[128];	/* by letter; "" if it takes nothing */
	const char	*word[WORDS_MAX];
	int		 nwords;
};

struct command {
	const char	*first;
	const char	*second;	/* NULL: the first says it all */
	const char	*letters;	/* as getopt(3) has them */
	int		 least, most;	/* words that follow */
	const char	*usage;		/* what follows */
	const char	*wire;		/* control's name of it */
	int		(*run)(const struct command *, const struct args *);
};

/* Find the command and take its words apart; dies with usage. */
const struct command *parse(const struct command *, size_t n, int argc,
		    char *argv[], struct args *);
/* The word of a list that is nearest to a mistyped one, or NULL. */
const char	*parse_nearest(const char *, const char *(*nth)(size_t));
void		 usage_all(const struct command *, size_t n);
/* "kbsctl: WHAT", then exits. */
void		 die(const char *, ...)
		    __attribute__((format(printf, 1, 2), noreturn));
/* "kbsctl: WHAT" and how this command is used, then exits. */
void		 usage_command(const struct command *, const char *, ...)
		    __attribute__((format(printf, 2, 3), noreturn));

/* --- request.c: requests, and how they may end --------------------------- */

void		 no_memory(void) __attribute__((noreturn));
json_t		*object(void);
/* Takes value; dies when there is no memory. */
void		 set(json_t *object, const char *name, json_t *value);
/* Dies when it is not UTF-8; what says what it is. */
json_t		*string(const char *what, const char *text);
json_t		*request(const char *wire);
/* A word that must be an id; dies with usage. */
json_t		*id_word(const struct command *, const char *what,
		    const char *word);
/* The text of a member; "" when there is none. */
const char	*member_text(const json_t *, const char *name);
/* A file with one object, a policy for example; dies when it is none. */
json_t		*object_file(const char *path);
/* All lines of a list; what kbsd refuses ends kbsctl. */
json_t		*collect(const char *wire);
/* Each tells, and returns what kbsctl exits with. */
int		 refused(const struct result *);
int		 done(const struct result *);

/* --- command.c ----------------------------------------------------------- */

extern const struct command	 commands[];
extern const size_t		 ncommands;

/* --- session.c: the socket ----------------------------------------------- */

/* Called for each line but the last. */
typedef void	 (*line_fn)(json_t *, void *);

struct result {
	unsigned int	 status;
	char		 error[512];	/* "" when it is done */
};

/*
 * Ask, give each line to fn, and the last one as result.  Takes the request.
 * Connects when it must; dies when there is nobody.
 */
void		 session_call(json_t *request, int seconds, line_fn, void *,
		    struct result *);

/* --- input.c: files and passwords ---------------------------------------- */

/* A whole file, "-" for standard input; NUL behind it; dies on failure. */
uint8_t		*input_file(const char *path, size_t max, size_t *len);
/*
 * The same of a file or a pipe, but no device, which may be empty; NULL with
 * errno and why, which names it.
 */
uint8_t		*input_try(const char *path, size_t max, size_t *len,
		    char *why, size_t whysize);
/*
 * A password: the first line of a file; of standard input, or asked for
 * twice on a terminal, when file is NULL or "-".  Dies on failure.
 */
void		 input_password(const char *file,
		    char password[PASSWORD_MAX + 1]);

/* --- table.c ------------------------------------------------------------- */

struct table;

/* Headings separated by '|'; "" prints none. */
struct table	*table_new(const char *headings, size_t columns);
/* As many strings as there are columns; foreign text is welcome. */
void		 table_row(struct table *, const char *const *cells);
void		 table_print(struct table *, int headings);
void		 table_free(struct table *);
/* "1h2m", "3d4h" */
char		*duration(long long seconds, char *, size_t);

/* --- test.c, lint.c: what a policy lets through -------------------------- */

int		 run_policy_test(const struct command *, const struct args *);
int		 run_policy_lint(const struct command *, const struct args *);
int		 run_exposures(const struct command *, const struct args *);
/* A policy as kbsd lists it; dies when it is none.  policy_free() it. */
struct policy	*policy_of(const json_t *, const char *what);

/* --- appraise.c, verifier.c: evidence judged without a daemon ------------- */

int		 run_appraise(const struct command *, const struct args *);
struct wbuf;
/*
 * Start a verifier, ask, and wait for its end.  Its answer, malloc'd, with a
 * NUL behind it; NULL with why: it did not answer, or not live to its end.
 */
char		*verifier_ask(const struct wbuf *what, size_t *len,
		    char *why, size_t whysize);

/* --- take.c: objects that are brought ------------------------------------ */

/* In the order in which they are sent. */
enum take_kind { TAKE_POLICY, TAKE_USER, TAKE_KEY, TAKE_KINDS };

/* One of them, and what becomes of it. */
struct taking {
	TAILQ_ENTRY(taking) entry;
	enum take_kind	 kind;
	char		 id[UUID_TEXT];
	char		 name[NAME_MAX_USER];
	char		 created[RFC3339_TEXT];	/* "": now */
	json_t		*body;		/* NULL: it is not taken */
	json_t		*given;		/* member of the request, or NULL */
	json_t		*later;		/* of a key's further versions: array
					 * of members of a rotation, or NULL */
	const char	*undo;		/* the command's second word */
	int		 may_stay;	/* a user whose name is taken */
	const char	*what;		/* for the table */
	uint32_t	 have;		/* version that is there; 0: none */
	int		 added;		/* in this run */
};
TAILQ_HEAD(takings, taking);

/* Behind the others of its list. */
struct taking	*take_new(struct takings *, enum take_kind, const char *id);
void		 take_free(struct takings *);
/*
 * With what is there.  Dies where names are taken, and into_empty where there
 * are policies or keys that are none of these.
 */
void		 take_compare(struct takings *, int into_empty);
/* Dies when one is refused, and takes back what it has sent. */
void		 take_send(struct takings *);
/* A table; otherwise is said of those with which nothing was done. */
void		 take_tell(const struct takings *, const char *otherwise);

/* --- backup.c, restore.c ------------------------------------------------- */

/* Lines of a backup's file, and the last one's members. */
#define BACKUP_FORM	1

int		 run_backup(const struct command *, const struct args *);
int		 run_restore(const struct command *, const struct args *);

/* --- import.c, environment.c: from the reference server ------------------ */

int		 run_import(const struct command *, const struct args *);
struct environment;
/*
 * Read its environment file and make a kbsd.conf and secret files of it, for
 * a directory where these are not, or are the same; dies when that fails.
 */
struct environment *environment_read(const char *path, const char *directory);
/* Write them, say what was not taken, and free it. */
void		 environment_write(struct environment *,
		    const char *directory);

/* --- show.c: what comes back --------------------------------------------- */

/* Tables of the parent: columns, then rows. */
struct reply {
	json_t		*columns;
	json_t		*rows;		/* array of arrays */
};
void		 reply_line(json_t *, void *);
void		 reply_free(struct reply *);
void		 show_status(const struct reply *);
void		 show_changes(const struct reply *);
void		 show_processes(const struct reply *);
void		 show_edges(const struct reply *);
void		 show_roots(const struct reply *);
void		 show_tcb(const struct reply *);
int		 show_keystores(const struct reply *);

/* Objects as they come. */
struct objects {
	const char	*name;		/* what they are: "key" ... */
	struct table	*table;		/* NULL: none was there yet */
	int		 one;		/* not a list */
	int		 ids;		/* 1: only the id; 2: nothing */
	size_t		 n;
	char		 id[UUID_TEXT];	/* of the last */
};
void		 object_line(json_t *, void *);
void		 objects_end(struct objects *);
/* One JSON document and its newline. */
void		 json_print(const json_t *);

#endif
