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


/* The loop, and its timers. */
#include <event2/event.h>

#include "log.h"
#include "process.h"
#include "timer.h"

struct event_base *
loop_new(void)
{
	struct event_config	*config;
	struct event_base	*loop = NULL;

	if ((config = event_config_new()) == NULL)
		return (NULL);
	if (event_config_avoid_method(config, "poll") == 0 &&
	    event_config_avoid_method(config, "select") == 0)
		loop = event_base_new_with_config(config);
	event_config_free(config);
	return (loop);
}

struct event *
timer_new(void (*fn)(int, short, void *), void *arg)
{
	struct event	*timer;

	if ((timer = event_new(base, -1, 0, fn, arg)) == NULL)
		fatalx("no memory for a timer");
	return (timer);
}

void
timer_set(struct event *timer, uint64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (event_add(timer, &tv) == -1)
		fatalx("no memory for a timer");
}
