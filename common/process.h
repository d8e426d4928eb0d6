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
 * The runtime of a child: what is the same in every process.  The parent
 * forks and executes the program with its edge on descriptor 3; START,
 * CONFIG, DESCRIPTORs and GO come over it; then secrets are loaded, the
 * sandbox closes, READY is answered, and edges to peers arrive.
 *
 * An edge is one socketpair to one peer.  It has a constant table of what may
 * come over it: (type, least length, most length, function).  What is not in
 * the table, or whose function says so, is a violation: the edge is closed and
 * the parent told, which replaces the peer.  Bodies longer than one imsg are
 * sent in pieces that take turns with other messages, and are whole again
 * when the function sees them.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "imsg.h"
#include "msg.h"

struct event_base;

enum process_kind {
	PROC_PARENT,
	PROC_FRONTEND,		/* role all and admin */
	PROC_GATE,		/* a frontend of role transfer: no auth edge */
	PROC_CONTROL,
	PROC_SIGNER,
	PROC_AUTH,
	PROC_HASHER,		/* the auth that hashes */
	PROC_BROKER,
	PROC_STORE,
	PROC_AUDIT,
	PROC_VERIFIER,
	PROC_FETCHER,
	PROC_ENGINE,
	PROC_MAKER,		/* the engine that makes keys */
	PROC_KMS,
	PROC_MAX
};

const char	*process_name(enum process_kind);	/* "frontend" */

/* Who this process is; set by START. */
struct process_self {
	enum process_kind	 kind;
	uint32_t		 instance;
	uint32_t		 front;		/* of fronts and broker */
	uint32_t		 set;		/* of which configuration */
	int			 outside;	/* it makes connections */
	int			 module;	/* it may load a library */
};
extern struct process_self	 self;
extern struct event_base	*base;

struct edge {
	enum process_kind	 peer;
	uint32_t		 instance;	/* of the peer */
	uint32_t		 front;		/* the peer's; 0: none */
	int			 fd;		/* of a raw edge; else -1 */
	void			*data;		/* of the process */
	struct edge_io		*io;		/* edge.c's */
};

/*
 * One row of what an edge accepts.  The function gets a reader over exactly
 * the body; it returns 0, or -1 for a violation (malformed: rb_end() failed,
 * out of order, not permitted now).
 */
struct edge_rule {
	uint32_t	 type;
	uint32_t	 least;
	uint32_t	 most;
	int		(*fn)(struct edge *, struct rbuf *);
};

struct edge_table {
	enum process_kind	 peer;
	const struct edge_rule	*rules;
	size_t			 nrules;
	/*
	 * The process itself reads and writes edge->fd, which is blocking;
	 * down() comes only when the parent replaces the peer.
	 */
	int			 raw;
	void			(*up)(struct edge *);	/* may be NULL */
	/* What was outstanding on it has ended: drop halves, answer 503. */
	void			(*down)(struct edge *);	/* may be NULL */
};

/* One per process_kind that the program serves. */
struct process {
	enum process_kind	 kind;
	const struct edge_table	*edges;
	size_t			 nedges;
	int			 nice;	/* who has long work gives way */
	/*
	 * In this order, each may be NULL.  libraries: before privileges are
	 * dropped, for libraries that read files.  config: the body of CONFIG,
	 * -1 if it is not understood.  descriptor: owns fd.  secrets: all of
	 * these have come, the sandbox is still open; load and make secrets,
	 * open databases; dies (fatal) on failure.  run: the sandbox is
	 * closed, before READY.  These four may block.
	 */
	void			(*libraries)(void);
	int			(*config)(struct rbuf *);
	int			(*descriptor)(uint32_t role, int fd);
	void			(*secrets)(void);
	void			(*run)(void);
	/* From the parent, later: begin to accept; end after what is begun. */
	void			(*accept)(void);
	void			(*drain)(void);
	/* Further messages from the parent (IMSG_<KIND>_*). */
	const struct edge_rule	*parent_rules;
	size_t			 nparent_rules;
	/* Append (str name, u64 value) pairs for `show status'; or NULL. */
	void			(*counters)(struct wbuf *);
	/*
	 * Rows for kbsctl of what is asked (SHOW_* of kbsd.h), of this page:
	 * append the cells of each, as strs, and count them; at most
	 * SHOW_ROWS_MAX.  NULL, or nothing done: there are none.
	 */
	void			(*show)(uint8_t what, uint8_t page,
				    struct wbuf *cells, uint32_t *rows);
};

#define SHOW_ROWS_MAX	256
/* A row of SHOW_LIMITS; used -1: nobody counts it. */
void	show_limit(struct wbuf *cells, uint32_t *rows, const char *limit,
	    uint64_t value, int64_t used, const char *unit);

/* Of the processes that work long on one thing; a tenth of a share. */
#define NICE	10

/* Never returns. */
void	process_main(const struct process *, size_t n, int argc, char *argv[])
	    __attribute__((noreturn));

/*
 * Send a body, which is emptied (wiped and freed) whether or not it could be
 * queued.  Returns 0, or -1 with errno EAGAIN when too much is queued on this
 * edge (answer BUSY to who asked), ENOMEM, or EPIPE when edge is NULL or its
 * peer is gone.
 */
int	edge_send(struct edge *, uint32_t type, struct wbuf *);
/* The same with a descriptor; only the parent's edges take them. */
int	edge_send_fd(struct edge *, uint32_t type, struct wbuf *, int fd);

/* The edge to a peer, or NULL.  Instances count from 0. */
struct edge	*edge_find(enum process_kind, uint32_t instance);
/* By the front number of the peer. */
struct edge	*edge_front(uint32_t front);
/* The next edge to a peer of this kind after prev (NULL: the first). */
struct edge	*edge_next(enum process_kind, struct edge *prev);
unsigned int	 edge_count(enum process_kind);
extern struct edge *edge_parent;

/* CLOCK_MONOTONIC in milliseconds: all deadlines are in it. */
uint64_t	 now_ms(void);

/* --- the parent's side ------------------------------------------------- */

/*
 * Wrap a descriptor as an edge with a table; the runtime uses it for the
 * edges that the parent sends, the parent for its children.  table->up() is
 * called at once.  When the peer closes, or violates, table->down() is called
 * and the edge is gone.  NULL with errno.
 */
struct edge	*edge_new(int fd, enum process_kind peer, uint32_t instance,
		    uint32_t front, const struct edge_table *);
/* Close and forget it, without down(). */
void		 edge_free(struct edge *);
/* Only the parent's edges take descriptors; NULL to the others. */
void		 edge_allow_fd(struct edge *);
/* What edge_rule functions of the runtime take: -1 if there was none. */
int		 edge_take_fd(struct edge *);
/* Write all that is queued, waiting if need be. */
int		 edge_flush(struct edge *);
/* Called on a violation with the type and what was wrong; NULL: nobody. */
extern void	(*edge_violated)(struct edge *, uint32_t type,
		    const char *why);
/* Called once, when the first message from a peer has been worked on. */
extern void	(*edge_worked)(void);
/* Messages and bytes in and out, for `show edges'. */
struct edge_count {
	uint64_t	 in, out, bytes_in, bytes_out;
};
void		 edge_counts(const struct edge *, struct edge_count *);

/* Messages of the runtime; those of kbsd.h begin at IMSG_KBSD_FIRST. */
enum process_imsg {
	/*
	 * START: u32 kind, u32 instance, u32 front, u32 set, u32 uid, u32 gid,
	 * u8 flags (START_*), u8 verbose, str directory (chroot or chdir),
	 * str title.
	 */
	IMSG_PROCESS_START = 1,
	IMSG_PROCESS_CONFIG,		/* body of the process's own */
	IMSG_PROCESS_DESCRIPTOR,	/* u32 role; descriptor */
	IMSG_PROCESS_GO,
	IMSG_PROCESS_EDGE,	/* u32 kind, instance, front; descriptor */
	IMSG_PROCESS_ACCEPT,
	IMSG_PROCESS_DRAIN,
	IMSG_PROCESS_VERBOSE,		/* u8 */
	IMSG_PROCESS_COUNT,		/* answer IMSG_PARENT_COUNTERS */
	IMSG_PARENT_READY,	/* str what is in force */
	IMSG_PARENT_COUNTERS,		/* (str, u64) pairs */
	IMSG_PARENT_VIOLATION,	/* u32 kind, u32 instance, u32 type, str */
	IMSG_PARENT_WORKED,	/* has done its first piece of work */
	IMSG_PROCESS_SHOW,	/* u64 tag, u8 what, u8 page */
	IMSG_PARENT_SHOWN,	/* u64 tag, u32 rows, their strs */
	IMSG_KBSD_FIRST = 64
};

#define START_CHROOT	0x01	/* else chdir */
#define START_DROP	0x02	/* setgroups, setresgid, setresuid */
#define START_FILES	0x04	/* works on files in directory */
#define START_OUTSIDE	0x08	/* makes connections to the outside */
#define START_MODULE	0x10	/* loads a library with files of its own */
#define START_READ	0x20	/* reads files in directory */

/* Most a message may hold in all pieces, whatever a table says. */
#define EDGE_MESSAGE_MAX	(48u * 1024 * 1024)
/* What may be queued to a peer, and be in assembly from one. */
#define EDGE_QUEUE_MAX		(64u * 1024 * 1024)
#define EDGE_ASSEMBLY_MAX	(64u * 1024 * 1024)
#define EDGE_ASSEMBLIES		256

#endif
