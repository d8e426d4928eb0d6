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
 * A test plays the parent and all the peers of one real process program.
 *
 *	struct child *c = child_start("store", PROC_STORE, 0, 0, dir);
 *	child_config(c, &w);
 *	child_descriptor(c, FD_SEAL_KEY, fd);
 *	child_go(c);				(waits for READY)
 *	struct peer *broker = child_edge(c, PROC_BROKER, 0, 0);
 *	peer_send(broker, IMSG_STORE_FIND, &w);
 *	peer_recv(broker, IMSG_BROKER_FOUND, &r, 2000);
 *
 * Everything dies with ATF_REQUIRE when it goes wrong.
 */
#ifndef PEER_H
#define PEER_H

#include <sys/types.h>

#include "process.h"

struct child;
struct peer;

/*
 * ms: longer than any machine takes.  Only for what no timer of kbsd would
 * bring about as well; other times stand for "by itself, and not by a timer".
 */
#define AGES		120000

/*
 * Start build/bin/PROGRAM as a plain child in directory (NULL: /, where it may
 * not touch files).  Its log lines are printed and kept.  With child_outside
 * it may make connections, as a fetcher always may, with child_module load a
 * library.
 */
extern int	 child_outside, child_module;
struct child	*child_start(const char *program, enum process_kind,
		    uint32_t instance, uint32_t front, const char *directory);
void		 child_config(struct child *, struct wbuf *);
void		 child_descriptor(struct child *, uint32_t role, int fd);
void		 child_go(struct child *);
/* Any message of the parent's edge; and wait for one. */
struct peer	*child_parent(struct child *);
struct peer	*child_edge(struct child *, enum process_kind,
		    uint32_t instance, uint32_t front);
/*
 * An edge between two children: a sees a peer of kind_b, b one of kind_a.
 * Nothing of it comes to the test.
 */
void		 child_connect(struct child *a, enum process_kind kind_a,
		    uint32_t instance_a, uint32_t front_a, struct child *b,
		    enum process_kind kind_b, uint32_t instance_b,
		    uint32_t front_b);
pid_t		 child_pid(const struct child *);
/*
 * Stop a process that the test forked: none of its threads goes on any more.
 * kill(2) alone leaves that to the first one that the signal meets.
 */
void		 hold_still(pid_t);
/* Ends when its parent's edge closes; the exit status is returned. */
int		 child_end(struct child *);
/*
 * All that was sent to it before, over whatever edge, has been worked on, and
 * an edge that was closed is gone.
 */
void		 child_settled(struct child *);
/* What it counts under this name. */
uint64_t	 child_counter(struct child *, const char *name);
/* Has a log line with this text come (waits up to ms)? */
int		 child_logged(struct child *, const char *text, int ms);

/* Empties the body. */
void		 peer_send(struct peer *, uint32_t type, struct wbuf *);
/* With a descriptor, which is the child's then. */
void		 peer_sendfd(struct peer *, uint32_t type, struct wbuf *,
		    int fd);
/*
 * The next message, which must be of this type; the reader is valid until
 * the next call for this peer.
 */
void		 peer_recv(struct peer *, uint32_t type, struct rbuf *,
		    int ms);
/* Nothing comes for ms: 1; something did: 0. */
int		 peer_silent(struct peer *, int ms);
/* Does a message come within ms?  It stays where it is. */
int		 peer_ready(struct peer *, int ms);
/* The child closed this edge within ms. */
int		 peer_closed(struct peer *, int ms);
void		 peer_close(struct peer *);
/* The socket itself, to write garbage to. */
int		 peer_fd(const struct peer *);

/* A path in the build: build_path("bin/kbsd"). Static buffer. */
const char	*build_path(const char *);

#endif
