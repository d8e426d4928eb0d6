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
#include <stdio.h>

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
/*
 * The command that words are meant for, which may be cut; without a second
 * word any that begins so.  NULL: none, or more than one.
 */
const struct command *parse_find(const struct command *, size_t n,
		    const char *first, const char *second);
/* The letter of "--name"; 0: there is none. */
int		 args_letter(const char *);
void		 usage_all(FILE *, const struct command *, size_t n);
/* On standard output; second may be NULL.  Dies when there is no such. */
void		 usage_of(const struct command *, size_t n, const char *first,
		    const char *second);
/* "kbsctl: WHAT", then exits. */
void		 die(const char *, ...)
		    __attribute__((format(printf, 1, 2), noreturn));
/* "kbsctl: WHAT" and how this command is used, then exits. */
void		 usage_command(const struct command *, const char *, ...)
		    __attribute__((format(printf, 2, 3), noreturn));

/* A little longer than kbsd itself may take. */
#define ANSWER_SECONDS	45
#define MAKE_SECONDS	195

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

/*
 * Print a list of objects, or one; name is that of an object in the answer.
 * ids: 1: people get only its id, 2: nothing.  What kbsctl exits with.
 */
int		 run_objects(json_t *req, const char *name, int one, int ids,
		    int seconds);

/* --- users.c, keys.c ------------------------------------------------------ */

int		 run_user_add(const struct command *, const struct args *);
int		 run_user_change(const struct command *, const struct args *);
int		 run_user_show(const struct command *, const struct args *);
int		 run_user_delete(const struct command *, const struct args *);
int		 run_user_unlock(const struct command *, const struct args *);
int		 run_policy_add(const struct command *, const struct args *);
int		 run_policy_delete(const struct command *,
		    const struct args *);
int		 run_policy_show(const struct command *, const struct args *);
int		 run_key_create(const struct command *, const struct args *);
int		 run_key_register(const struct command *,
		    const struct args *);
int		 run_key_move(const struct command *, const struct args *);
int		 run_key_rotate(const struct command *, const struct args *);
int		 run_key_delete(const struct command *, const struct args *);
int		 run_key_show(const struct command *, const struct args *);
int		 run_keys(const struct command *, const struct args *);

/* --- command.c ----------------------------------------------------------- */

extern const struct command	 commands[];
extern const size_t		 ncommands;

/* --- words.c: help, and what shells complete ------------------------------ */

int		 run_help(const struct command *, const struct args *);
/*
 * Print what the last word may become, one a line; ":files": a file's name.
 * What kbsctl exits with.
 */
int		 complete(int n, char *words[]);

/* --- session.c: the socket ----------------------------------------------- */

/* Called for each line but the last. */
typedef void	 (*line_fn)(json_t *, void *);

struct result {
	unsigned int	 status;
	char		 error[512];	/* "" when it is done */
};

/*
 * Ask, give each line to fn, and the last one as result.  Takes the request.
 * Connects when it must; dies when there is nobody.  seconds: for each line;
 * -1: as long as it takes.
 */
void		 session_call(json_t *request, int seconds, line_fn, void *,
		    struct result *);

/* Does a kbsd answer?  Nothing is said when none does. */
int		 session_there(void);
/* The next call connects again. */
void		 session_close(void);

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
/* Foreign text, fit for a terminal; malloc'd. */
char		*table_encode(const char *);
/* "1h2m", "3d4h" */
char		*duration(long long seconds, char *, size_t);

/* --- test.c, lint.c: what a policy lets through -------------------------- */

int		 run_policy_test(const struct command *, const struct args *);
int		 run_policy_lint(const struct command *, const struct args *);
int		 run_exposures(const struct command *, const struct args *);
/* A policy as kbsd lists it; dies when it is none.  policy_free() it. */
struct policy	*policy_of(const json_t *, const char *what);

/* --- audit.c, audit_show.c: the audit log --------------------------------- */

int		 run_audit_verify(const struct command *, const struct args *);
int		 run_audit_show(const struct command *, const struct args *);
int		 run_audit_follow(const struct command *, const struct args *);

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
/* As kbsd is asked for a key of which it says this, without material. */
json_t		*take_key_body(const json_t *line);
/*
 * With what is there.  Dies where names are taken or a policy has another
 * text, and into_empty where a key is another one, or where there are policies
 * or keys that are none of these.
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
/* The cell of a row under the heading of this name; "" if there is none. */
const char	*cell(const struct reply *, size_t row, const char *name);
/* A number where the text is one, so that programs need not parse twice. */
json_t		*value(const char *);
void		 reply_json(const struct reply *);
/* One row of the reply becomes one of the table; arg is that of show_rows. */
typedef void	 (*row_fn)(struct table *, const struct reply *, size_t row,
		    const void *arg);
/* As a table, or all of it as JSON. */
void		 show_rows(const struct reply *, const char *headings,
		    size_t columns, row_fn, const void *arg);
void		 show_status(const struct reply *);
void		 show_changes(const struct reply *);
void		 show_processes(const struct reply *);
void		 show_edges(const struct reply *);
void		 show_roots(const struct reply *);
void		 show_tcb(const struct reply *);
int		 show_keystores(const struct reply *);

/* --- state.c: what its processes tell ------------------------------------ */

/*
 * Append the rows of a page, or of the only one (-1), without those of
 * processes that did not answer: these are named on standard error, and the
 * result is -1.  column is one that is empty in no other row.  Dies when it
 * is refused.
 */
int		 ask_page(const struct command *, struct reply *, int page,
		    const char *column);
/* All pages, or the first that have so many rows; what kbsctl exits with. */
int		 ask_pages(const struct command *, struct reply *,
		    size_t most, const char *column);
/* What stands in a cell: a number; a time (Unix), as RFC 3339. */
long long	 number(const char *);
const char	*moment(const char *, char out[RFC3339_TEXT]);	/* 0: "-" */
json_t		*moment_json(const char *);			/* 0: null */
json_t		*array(void);
/* Takes the item; dies when there is no memory. */
void		 array_add(json_t *array, json_t *item);
void		 print_free(json_t *);
int		 run_sessions(const struct command *, const struct args *);
int		 run_lockouts(const struct command *, const struct args *);
int		 run_limits(const struct command *, const struct args *);

/* --- monitor.c: requests as they end -------------------------------------- */

int		 run_monitor(const struct command *, const struct args *);

/* --- trust.c: attestation blocks and certificates ------------------------- */

int		 run_attestation(const struct command *, const struct args *);
int		 run_certificates(const struct command *,
		    const struct args *);

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
