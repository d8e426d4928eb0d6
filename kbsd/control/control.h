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

#ifndef CONTROL_H
#define CONTROL_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdint.h>

#include "kbsd.h"

/*
 * Between kbsctl and this process: a request is one line of compact JSON, an
 * answer any number of lines and a last one that has "ok".  It may change
 * with any version: kbsctl comes with it.
 *
 *	{"command":"show keys","filter":{"algorithm":"AES"}}
 *	{"key":{...},"keystore":"local","state":"active","version":1}
 *	{"ok":true,"status":200}
 *
 *	{"command":"show edges"}
 *	{"columns":["from",...]}
 *	{"row":["broker",...]}
 *	{"ok":true,"status":200}
 *
 *	{"ok":false,"status":404,"error":"no such key"}
 */
#define LINE_BYTES	(256 * 1024)	/* of a request */
#define CLIENTS_MAX	32
#define CLIENTS_UID_MAX	24		/* of one uid but root's */
#define IDLE_MS		30000		/* for a request, or to read answers */
#define OUT_LOW		(64 * 1024)	/* when more of an answer is made */
#define HELD_MAX	(64u * 1024 * 1024)	/* answers not yet read */

struct command;

/* What a client waits for. */
enum waits { WAITS_NOT, WAITS_PARENT, WAITS_BROKER, WAITS_WATCH };

struct client {
	TAILQ_ENTRY(client)	 entry;
	int			 fd;
	uid_t			 uid;
	struct event		*readable;
	struct event		*writable;
	struct event		*timer;
	uint8_t			*in;		/* LINE_BYTES + 1, wiped */
	size_t			 inlen;
	struct wbuf		 out;
	size_t			 outoff;
	int			 ending;	/* when all is written */

	/* the request that is worked on */
	enum waits		 waits;
	uint64_t		 number;	/* its name, or the tag */
	const struct command	*command;
	int			 material;	/* the maker has its material */
	char			 what[320];	/* for the log */

	/* an answer that is written bit by bit */
	int			(*more)(struct client *);
	struct wbuf		 held;
	struct rbuf		 cursor;	/* into held */
	uint32_t		 columns;
	uint32_t		 left;
	unsigned int		 status;
	uint8_t			 kind;		/* ANSWER_* */

	uint64_t		 lost;		/* lines, while it watches */
};

/* --- client.c: sockets --------------------------------------------------- */

struct control_counts {
	uint64_t	 clients, refused, requests, errors, late, timeouts;
};
extern struct control_counts	 control_counts;

void		 client_init(int fd);
void		 client_accept(void);
/* Accept no more; exit when all that is begun has ended. */
void		 client_drain(void);
unsigned int	 client_count(void);
/* Who waits for this, or NULL: it is late. */
struct client	*client_find(enum waits, uint64_t number);
/* The request goes on elsewhere and must be answered within ms. */
void		 client_wait(struct client *, enum waits, uint64_t number,
		    uint64_t ms);
/*
 * There is something in out, or more is set.  The answer is complete when
 * more is NULL.
 */
void		 client_write(struct client *);
/* It watches: no deadline, and what it says is its end. */
void		 client_watch(struct client *);
/* There is something more in out of one that watches. */
void		 client_more(struct client *);
/* Each that watches. */
void		 client_watchers(void (*)(struct client *, void *), void *);
/* Each client that fits gets an error: what it waited for has gone. */
void		 client_edge_down(int (*)(const struct client *));
/* Bytes of answers that are held for all clients. */
size_t		 client_held(void);

/* --- request.c: what is asked -------------------------------------------- */

struct command {
	const char	*name;
	uint8_t		 op;		/* OP_NONE: the parent's */
	uint8_t		 parent;	/* COMMAND_* */
	uint8_t		 kind;		/* ANSWER_* of a success with a body */
	uint16_t	 wants;		/* REQUEST_* */
};

/* One line without its newline; it is answered or waited for. */
void		 request_line(struct client *, char *, size_t);

/* --- monitor.c: who watches ---------------------------------------------- */

void		 monitor_begin(struct client *);
/* One that watched has gone. */
void		 monitor_leave(void);
/* Tell one that has room again how much it missed. */
void		 monitor_lost(struct client *);
void		 monitor_up(struct edge *);
int		 monitor_take(struct edge *, struct rbuf *);

/* --- answer.c ------------------------------------------------------------ */

/* The last line. */
void		 answer_done(struct client *, unsigned int status);
void		 answer_error(struct client *, unsigned int status,
		    const char *text);
/* A line, or several, that are not the last. */
void		 answer_text(struct client *, const char *);
/* What stands before a value, and that as a JSON string; foreign text. */
void		 answer_member(struct wbuf *, const char *before,
		    const char *value);
/* From siblings: -1 is a violation. */
int		 answer_reply(struct edge *, struct rbuf *);
int		 answer_broker(struct edge *, struct rbuf *);
int		 answer_sealed(struct edge *, struct rbuf *);

#endif
