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

/* The event loop, and its timers. */
#ifndef TIMER_H
#define TIMER_H

#include <stdint.h>

struct event;
struct event_base;

/*
 * A loop on the kernel's own queue (epoll, kqueue), or NULL: libevent would
 * fall back to poll(2) without memory, which no sandbox lets it call.
 */
struct event_base	*loop_new(void);
/* A one-shot timer, for event_free(); dies without memory. */
struct event	*timer_new(void (*)(int, short, void *), void *);
/* It fires ms from now, whatever was set before; dies without memory. */
void		 timer_set(struct event *, uint64_t ms);

#endif
