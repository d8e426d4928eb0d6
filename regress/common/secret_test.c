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

/* Secret memory: guarded, locked, wiped; and secrets read from files. */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "secret.h"

/* The sanitizers make mlock(2) a call that does nothing. */
#if defined(__SANITIZE_ADDRESS__)
#define NO_MLOCK	1
#else
#define NO_MLOCK	0
#endif

ATF_TC_WITHOUT_HEAD(alloc);
ATF_TC_BODY(alloc, tc)
{
	static const size_t	 sizes[] = { 1, 15, 16, 32, 4095, 4096, 4097 };
	uint8_t			*p[sizeof(sizes) / sizeof(sizes[0])];
	size_t			 i, j;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ATF_REQUIRE((p[i] = secret_alloc(sizes[i])) != NULL);
		ATF_CHECK_EQ(0, (uintptr_t)p[i] % 16);
		for (j = 0; j < sizes[i]; j++)
			ATF_REQUIRE_EQ(0, p[i][j]);
		memset(p[i], 0xff, sizes[i]);
	}
	/* in another order than they came */
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i += 2)
		secret_free(p[i]);
	for (i = 1; i < sizeof(sizes) / sizeof(sizes[0]); i += 2)
		secret_free(p[i]);
	errno = EBADMSG;
	secret_free(NULL);
	ATF_CHECK_EQ(EBADMSG, errno);
	ATF_CHECK(secret_alloc(0) == NULL && errno == EINVAL);
	ATF_CHECK(secret_alloc(SIZE_MAX) == NULL && errno == EINVAL);
}

/* The signal that writing at p ends a child with, 0 for none. */
static int
touch(volatile uint8_t *p)
{
	pid_t	 pid;
	int	 status;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		*p = 1;
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

ATF_TC_WITHOUT_HEAD(guards);
ATF_TC_BODY(guards, tc)
{
	long	 page = sysconf(_SC_PAGESIZE);
	uint8_t	*p;

	ATF_REQUIRE((p = secret_alloc(32)) != NULL);
	ATF_CHECK_EQ(0, touch(p));
	ATF_CHECK_EQ(0, touch(p + 31));
	ATF_CHECK_EQ(SIGSEGV, touch(p + 32));
	ATF_CHECK_EQ(SIGSEGV, touch(p + 32 - page - 1));
	secret_free(p);
	/* and is gone afterwards */
	ATF_CHECK_EQ(SIGSEGV, touch(p));
}

ATF_TC_WITHOUT_HEAD(fork_wipes);
ATF_TC_BODY(fork_wipes, tc)
{
	uint8_t	*p;
	pid_t	 pid;
	int	 status;

	ATF_REQUIRE((p = secret_alloc(32)) != NULL);
	memset(p, 0x5a, 32);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		_exit(p[0] | p[31]);
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ATF_CHECK_EQ(0x5a, p[0]);
	secret_free(p);
}

/* What the kernel says of the pages: locked, not dumped, wiped on fork. */
ATF_TC_WITHOUT_HEAD(flags);
ATF_TC_BODY(flags, tc)
{
	FILE		*smaps;
	char		 line[512];
	uint8_t		*p;
	unsigned long	 a, b;
	int		 found = 0, here = 0;

	if (NO_MLOCK)
		atf_tc_skip("the sanitizer locks no memory");
	if ((smaps = fopen("/proc/self/smaps", "r")) == NULL)
		atf_tc_skip("no /proc/self/smaps");
	ATF_REQUIRE((p = secret_alloc(32)) != NULL);
	while (fgets(line, sizeof(line), smaps) != NULL) {
		if (sscanf(line, "%lx-%lx ", &a, &b) == 2)
			here = (uintptr_t)p >= a && (uintptr_t)p < b;
		if (here && strncmp(line, "VmFlags:", 8) == 0) {
			found = 1;
			ATF_CHECK_MSG(strstr(line, " lo") != NULL, "%s", line);
			ATF_CHECK_MSG(strstr(line, " dd") != NULL, "%s", line);
			ATF_CHECK_MSG(strstr(line, " wf") != NULL, "%s", line);
		}
	}
	fclose(smaps);
	ATF_CHECK(found);
	secret_free(p);
}

/* No secret lies in memory that may be swapped. */
ATF_TC_WITHOUT_HEAD(lock_limit);
ATF_TC_BODY(lock_limit, tc)
{
	const struct rlimit	 none = { 0, 0 };
	pid_t			 pid;
	int			 status;

	if (NO_MLOCK)
		atf_tc_skip("the sanitizer locks no memory");
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		/* root may lock without limit */
		if (geteuid() == 0 && setuid(65534) == -1)
			_exit(2);
		if (setrlimit(RLIMIT_MEMLOCK, &none) == -1)
			_exit(3);
		_exit(secret_alloc(32) == NULL && errno == ENOMEM ? 0 : 1);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK(WIFEXITED(status));
	ATF_CHECK_EQ(0, WEXITSTATUS(status));
}

ATF_TC_WITHOUT_HEAD(free_foreign);
ATF_TC_BODY(free_foreign, tc)
{
	uint8_t	*p;
	pid_t	 pid;
	int	 status;

	ATF_REQUIRE((p = secret_alloc(64)) != NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		secret_free(p + 16);
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	ATF_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	secret_free(p);
}

static int
file_with(const void *data, size_t len)
{
	int	 fd;

	fd = open("secret", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE_EQ((ssize_t)len, write(fd, data, len));
	/* the offset stays at the end: reading must not care */
	return (fd);
}

static void
check_read(const char *data, size_t size, size_t max, const char *want,
    int error)
{
	char	*p;
	size_t	 len = 99;
	int	 fd;

	fd = file_with(data, size);
	errno = 0;
	p = secret_read(fd, max, &len);
	ATF_CHECK_MSG((p == NULL) == (want == NULL), "%s", data);
	if (p == NULL) {
		ATF_CHECK_EQ(error, errno);
		ATF_CHECK_EQ(0, len);
	} else {
		ATF_CHECK_EQ(strlen(want), len);
		ATF_CHECK_STREQ(want, p);
		secret_free(p);
	}
	close(fd);
}

ATF_TC_WITHOUT_HEAD(read_file);
ATF_TC_BODY(read_file, tc)
{
	char	*p;
	size_t	 len;
	int	 fd[2], i;

	check_read("sesame", 6, 6, "sesame", 0);
	check_read("sesame\n", 7, 6, "sesame", 0);
	check_read("sesame\n\n", 8, 7, "sesame\n", 0);
	check_read("sesame\n\n", 8, 6, NULL, EFBIG);
	check_read("sesame", 6, 5, NULL, EFBIG);
	check_read("sesame\n", 7, 5, NULL, EFBIG);
	check_read("sesame\nsesame\n", 14, 5, NULL, EFBIG);
	check_read("", 0, 64, NULL, ENODATA);
	check_read("\n", 1, 64, NULL, ENODATA);
	check_read("x", 1, 0, NULL, EINVAL);
	check_read("x", 1, SIZE_MAX, NULL, EINVAL);
	errno = 0;
	ATF_CHECK(secret_read(-1, 64, &len) == NULL && errno == EBADF);

	/* a second reader of the same descriptor gets as much */
	fd[0] = file_with("sesame", 6);
	for (i = 0; i < 2; i++) {
		p = secret_read(fd[0], 64, &len);
		ATF_REQUIRE(p != NULL);
		ATF_CHECK_STREQ("sesame", p);
		secret_free(p);
	}
	close(fd[0]);

	/* what can't be positioned is read as it comes */
	ATF_REQUIRE_EQ(0, pipe(fd));
	ATF_REQUIRE_EQ(5, write(fd[1], "piped", 5));
	close(fd[1]);
	p = secret_read(fd[0], 64, &len);
	ATF_REQUIRE(p != NULL);
	ATF_CHECK_STREQ("piped", p);
	secret_free(p);
	close(fd[0]);
}

ATF_TC_WITHOUT_HEAD(read_or_make);
ATF_TC_BODY(read_or_make, tc)
{
	static const uint8_t	 zero[32];
	uint8_t			 raw[33];
	void			*a, *b;
	int			 fd, made = 7;

	fd = file_with("", 0);
	ATF_REQUIRE((a = secret_read_or_make(fd, 32, &made)) != NULL);
	ATF_CHECK_EQ(1, made);
	ATF_CHECK(secret_cmp(a, zero, 32) != 0);
	ATF_CHECK_EQ(32, pread(fd, raw, sizeof(raw), 0));
	ATF_CHECK_EQ(0, secret_cmp(a, raw, 32));
	ATF_REQUIRE((b = secret_read_or_make(fd, 32, &made)) != NULL);
	ATF_CHECK_EQ(0, made);
	ATF_CHECK_EQ(0, secret_cmp(a, b, 32));
	secret_free(a);
	secret_free(b);
	/* neither cut nor filled up, and left as it is */
	ATF_CHECK(secret_read_or_make(fd, 31, &made) == NULL);
	ATF_CHECK_EQ(EINVAL, errno);
	ATF_CHECK(secret_read_or_make(fd, 33, &made) == NULL);
	ATF_CHECK_EQ(EINVAL, errno);
	ATF_CHECK_EQ(0, made);
	ATF_CHECK_EQ(32, lseek(fd, 0, SEEK_END));
	ATF_CHECK(secret_read_or_make(fd, 0, &made) == NULL);
	close(fd);
	/* two made ones differ */
	fd = file_with("", 0);
	ATF_REQUIRE((a = secret_read_or_make(fd, 32, &made)) != NULL);
	ATF_CHECK(secret_cmp(a, raw, 32) != 0);
	secret_free(a);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(make_fails);
ATF_TC_BODY(make_fails, tc)
{
	struct rlimit	 small = { 16, 16 };
	int		 fd, made;

	fd = file_with("", 0);
	close(fd);
	ATF_REQUIRE((fd = open("secret", O_RDONLY)) != -1);
	ATF_CHECK(secret_read_or_make(fd, 32, &made) == NULL);
	ATF_CHECK_EQ(EBADF, errno);
	ATF_CHECK_EQ(0, made);
	close(fd);
	/* a write that stops half-way leaves an empty file, not half a key */
	fd = file_with("", 0);
	signal(SIGXFSZ, SIG_IGN);
	ATF_REQUIRE_EQ(0, setrlimit(RLIMIT_FSIZE, &small));
	ATF_CHECK(secret_read_or_make(fd, 32, &made) == NULL);
	ATF_CHECK_EQ(EFBIG, errno);
	ATF_CHECK_EQ(0, lseek(fd, 0, SEEK_END));
	close(fd);
}

ATF_TC_WITHOUT_HEAD(compare);
ATF_TC_BODY(compare, tc)
{
	ATF_CHECK_EQ(0, secret_cmp("abc", "abc", 3));
	ATF_CHECK(secret_cmp("abc", "abd", 3) != 0);
	ATF_CHECK_EQ(0, secret_cmp("abc", "abd", 2));
	ATF_CHECK_EQ(0, secret_cmp("a", "b", 0));
}

static int
child_status(void (*f)(void))
{
	pid_t	 pid;
	int	 status;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		f();
		_exit(0);
	}
	ATF_REQUIRE_EQ(pid, waitpid(pid, &status, 0));
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void
heap_works(void)
{
	void	*p;

	secret_openssl(64 * 1024);
	p = OPENSSL_secure_malloc(100);
	if (p == NULL || !CRYPTO_secure_allocated(p))
		_exit(3);
	OPENSSL_secure_clear_free(p, 100);
}

static void
heap_twice(void)
{
	secret_openssl(64 * 1024);
	secret_openssl(64 * 1024);
}

static void
heap_unlocked(void)
{
	const struct rlimit	 none = { 0, 0 };

	if (geteuid() == 0 && setuid(65534) == -1)
		_exit(2);
	if (setrlimit(RLIMIT_MEMLOCK, &none) == -1)
		_exit(3);
	secret_openssl(64 * 1024);
}

ATF_TC_WITHOUT_HEAD(openssl_heap);
ATF_TC_BODY(openssl_heap, tc)
{
	ATF_CHECK_EQ(0, child_status(heap_works));
	ATF_CHECK_EQ(1, child_status(heap_twice));
	ATF_CHECK_EQ(1, child_status(heap_unlocked));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, alloc);
	ATF_TP_ADD_TC(tp, guards);
	ATF_TP_ADD_TC(tp, fork_wipes);
	ATF_TP_ADD_TC(tp, flags);
	ATF_TP_ADD_TC(tp, lock_limit);
	ATF_TP_ADD_TC(tp, free_foreign);
	ATF_TP_ADD_TC(tp, read_file);
	ATF_TP_ADD_TC(tp, read_or_make);
	ATF_TP_ADD_TC(tp, make_fails);
	ATF_TP_ADD_TC(tp, compare);
	ATF_TP_ADD_TC(tp, openssl_heap);
	return (atf_no_error());
}
