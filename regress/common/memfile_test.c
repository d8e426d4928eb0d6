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

/* Files without a name: what is in them stays as it is. */

#include <sys/mman.h>
#include <sys/stat.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "memfile.h"

static const char	 words[] = "handed over";

ATF_TC_WITHOUT_HEAD(kept);
ATF_TC_BODY(kept, tc)
{
	struct stat	 st;
	char		 buf[32];
	int		 fd, n;

	ATF_REQUIRE((fd = memfile(words, sizeof(words))) != -1);
	ATF_REQUIRE(fstat(fd, &st) == 0);
	ATF_CHECK(S_ISREG(st.st_mode));
	ATF_CHECK_EQ(st.st_mode & 0777, 0400);
	ATF_CHECK_EQ(st.st_size, (off_t)sizeof(words));
	/* Not in any directory, and not for who is executed. */
	ATF_CHECK_EQ(st.st_nlink, 0);
	ATF_CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	for (n = 0; n < 2; n++) {
		ATF_REQUIRE_EQ(pread(fd, buf, sizeof(buf), 0),
		    (ssize_t)sizeof(words));
		ATF_CHECK_STREQ(buf, words);
	}
	close(fd);
}

ATF_TC_WITHOUT_HEAD(sealed);
ATF_TC_BODY(sealed, tc)
{
	char	 buf[sizeof(words)];
	int	 fd;

	ATF_REQUIRE((fd = memfile(words, sizeof(words))) != -1);
	ATF_CHECK_ERRNO(EPERM, pwrite(fd, "X", 1, 0) == -1);
	ATF_CHECK_ERRNO(EPERM, ftruncate(fd, 1) == -1);
	ATF_CHECK_ERRNO(EPERM, ftruncate(fd, 4096) == -1);
	ATF_CHECK(mmap(NULL, sizeof(words), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0) == MAP_FAILED);
	ATF_REQUIRE_EQ(pread(fd, buf, sizeof(buf), 0), (ssize_t)sizeof(words));
	ATF_CHECK_STREQ(buf, words);
	close(fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kept);
	ATF_TP_ADD_TC(tp, sealed);
	return (atf_no_error());
}
