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
 * The chain of the audit log: where a log ends, and whether a line follows the
 * one before it.  Nothing here writes.
 */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "chain.h"
#include "digest.h"
#include "json.h"

#define LINE_BEGIN	"{\"n\":"
#define LINE_BEGIN_LEN	(sizeof(LINE_BEGIN) - 1)

int
chain_parse(const char *line, size_t len, struct chain *named)
{
	json_t			*root, *n, *prev;
	const struct json_member members[] = {
		{ "n", JSON_MEMBER_INTEGER, 1, &n },
		{ "prev", JSON_MEMBER_STRING, 1, &prev },
	};
	char			 why[128];
	int			 ret = -1;

	root = json_read(line, len, &json_small, why, sizeof(why));
	if (root == NULL)
		return (-1);
	if (json_pick(root, members, 2, why, sizeof(why)) == -1)
		goto done;
	if (json_integer_value(n) <= 0 ||
	    json_string_length(prev) != 2 * DIGEST_LEN ||
	    hex_decode(named->digest, sizeof(named->digest),
	    json_string_value(prev), json_string_length(prev)) == -1)
		goto done;
	named->n = (uint64_t)json_integer_value(n);
	ret = 0;
done:
	json_decref(root);
	return (ret);
}

void
chain_append(struct chain *chain, const char *line, size_t len)
{
	chain->n++;
	digest(chain->digest, line, len);
}

enum chain_result
chain_verify(struct chain *chain, const char *line, size_t len)
{
	struct chain		 named;
	enum chain_result	 result = CHAIN_OK;

	if (chain_parse(line, len, &named) == -1) {
		chain_append(chain, line, len);
		return (CHAIN_TORN);
	}
	if (named.n != chain->n + 1)
		result = CHAIN_NUMBER;
	else if (memcmp(named.digest, chain->digest, DIGEST_LEN) != 0)
		result = CHAIN_BROKEN;
	chain->n = named.n - 1;
	chain_append(chain, line, len);
	return (result);
}

const char *
chain_result_text(enum chain_result result)
{
	static const char *const texts[] = {
		[CHAIN_OK] = "ok",
		[CHAIN_TORN] = "not a whole line",
		[CHAIN_NUMBER] = "its number does not follow",
		[CHAIN_BROKEN] = "the line before it was changed",
	};

	return (texts[result]);
}

/* The start of the line that ends before end (its newline excluded). */
static size_t
line_start(const char *buf, size_t end)
{
	while (end > 0 && buf[end - 1] != '\n')
		end--;
	return (end);
}

/*
 * Go back from the end to a line that says its number; torn ones behind it
 * count as one each.
 */
static int
chain_last(const char *buf, size_t len, int whole, struct chain *chain)
{
	struct chain	 named;
	size_t		 start, end = len;
	int		 behind = 0;

	digest(chain->digest, buf + line_start(buf, len),
	    len - line_start(buf, len));
	for (;;) {
		start = line_start(buf, end);
		/* The first one in a window may lack its beginning. */
		if (start == 0 && !whole)
			break;
		if (chain_parse(buf + start, end - start, &named) == 0) {
			chain->n = named.n + (uint64_t)behind;
			return (behind + 1);
		}
		behind++;
		if (start == 0) {
			/* None but torn lines of ours, or a strange file. */
			if (memcmp(buf, LINE_BEGIN, end < LINE_BEGIN_LEN ?
			    end : LINE_BEGIN_LEN) != 0)
				break;
			chain->n = (uint64_t)behind;
			return (0);
		}
		end = start - 1;
	}
	errno = EBADMSG;
	return (-1);
}

static int
read_at(int fd, char *buf, size_t len, off_t off)
{
	ssize_t	 n;

	while (len > 0) {
		n = pread(fd, buf, len, off);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		if (n == 0) {
			errno = EIO;	/* cut while it was read */
			return (-1);
		}
		buf += n;
		off += n;
		len -= (size_t)n;
	}
	return (0);
}

/* Look at the last len bytes of size. */
static int
chain_window(int fd, off_t size, size_t len, struct chain *chain, int *torn)
{
	char	*buf;
	size_t	 end = len;
	int	 ret = -1;

	if ((buf = calloc(1, len)) == NULL)
		return (-1);
	if (read_at(fd, buf, len, size - (off_t)len) == -1)
		goto done;
	*torn = buf[len - 1] != '\n';
	if (!*torn)
		end--;
	ret = chain_last(buf, end, (off_t)len == size, chain);
done:
	free(buf);
	return (ret);
}

int
chain_tail(int fd, struct chain *chain, int *torn)
{
	struct stat	 st;
	size_t		 len = 4096;
	int		 n;

	memset(chain, 0, sizeof(*chain));
	*torn = 0;
	if (fstat(fd, &st) == -1)
		return (-1);
	if (st.st_size == 0)
		return (0);
	/* One small read is enough but for the longest lines. */
	for (;;) {
		if ((off_t)len > st.st_size)
			len = (size_t)st.st_size;
		n = chain_window(fd, st.st_size, len, chain, torn);
		if (n != -1)
			return (n);
		if (errno != EBADMSG || (off_t)len == st.st_size ||
		    len >= CHAIN_WINDOW)
			return (-1);
		len *= 4;
	}
}
