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
 * CPU time of other processes in nanoseconds, from schedstat: utime and stime
 * of /proc/PID/stat count in ticks of 10 ms.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define USAGES_MAX	256

static struct usage {
	char		 name[32];
	char		 path[64];
	uint64_t	 begin;
	uint64_t	 spent;
} usages[USAGES_MAX];
static size_t	 nusages;

int
usage_add(const char *namepid)
{
	struct usage	*u = &usages[nusages];
	const char	*eq = strchr(namepid, '=');
	size_t		 len;

	if (eq == NULL || nusages == USAGES_MAX)
		return (-1);
	len = (size_t)(eq - namepid);
	if (len >= sizeof(u->name))
		return (-1);
	memcpy(u->name, namepid, len);
	u->name[len] = '\0';
	if ((size_t)snprintf(u->path, sizeof(u->path), "/proc/%s/schedstat",
	    eq + 1) >= sizeof(u->path))
		return (-1);
	nusages++;
	return (0);
}

static uint64_t
usage_read(const struct usage *u)
{
	uint64_t	 ns;
	FILE		*f;

	if ((f = fopen(u->path, "r")) == NULL)
		err(1, "%s", u->path);
	if (fscanf(f, "%" SCNu64, &ns) != 1)
		errx(1, "%s: not understood", u->path);
	fclose(f);
	return (ns);
}

void
usage_begin(void)
{
	size_t	 i;

	for (i = 0; i < nusages; i++)
		usages[i].begin = usage_read(&usages[i]);
}

void
usage_end(void)
{
	size_t	 i;

	for (i = 0; i < nusages; i++)
		usages[i].spent = usage_read(&usages[i]) - usages[i].begin;
}

void
usage_print(uint64_t n)
{
	uint64_t	 sum, all = 0;
	size_t		 i, j;

	for (i = 0; i < nusages; i++) {
		for (j = 0; j < i; j++)
			if (strcmp(usages[j].name, usages[i].name) == 0)
				break;
		if (j < i)
			continue;
		for (sum = 0; j < nusages; j++)
			if (strcmp(usages[j].name, usages[i].name) == 0)
				sum += usages[j].spent;
		all += sum;
		printf("cpu.%s %.1f\n", usages[i].name,
		    (double)sum / 1000 / (double)n);
	}
	printf("cpu %.1f\n", (double)all / 1000 / (double)n);
}
