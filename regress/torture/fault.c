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
 * Preloaded into kbsd and its children by the torture test: counts the
 * allocations and the fallible system calls of one process and makes the one
 * that the test names fail.  The test and all processes share a file (FAULT),
 * which is mapped before any sandbox closes.
 *
 * Each call of a kind (memory, or system) has a number; when fail_at is that
 * number, it fails.  The counting process is the one whose pid the file
 * names, or, with pid 0, the skip-th one to start whose program is named.
 */

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { MEMORY, SYSTEM, KINDS };

/* torture.py and disk_test.sh know this layout. */
struct fault {
	int32_t		 pid;
	uint32_t	 skip;		/* of the starts still to come */
	char		 program[32];
	uint64_t	 count[KINDS];	/* calls so far */
	uint64_t	 fail_at[KINDS];	/* 0: none */
	uint64_t	 fired;
	int64_t		 live;		/* blocks */
	char		 call[32];	/* the one that failed */
	uint32_t	 no_sync;	/* every sync fails, of all processes */
};

static struct fault	*fault;
static pid_t		 me;
static uint8_t		 early[8192];	/* while dlsym() looks for malloc() */
static size_t		 nearly;

static int
named(void)
{
	return (strncmp(program_invocation_short_name, fault->program,
	    sizeof(fault->program)) == 0);
}

/* Before main(), so before there is a sandbox. */
static __attribute__((constructor)) void
fault_start(void)
{
	const char	*path;
	void		*p;
	int		 fd;

	if ((path = getenv("FAULT")) == NULL ||
	    (fd = open(path, O_RDWR | O_CLOEXEC)) == -1)
		return;
	p = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	    0);
	close(fd);
	if (p == MAP_FAILED)
		return;
	me = getpid();
	fault = p;
	if (fault->pid == 0 && named() && fault->skip-- == 0)
		fault->pid = me;
}

static int
fails(enum kind kind, const char *call, int error)
{
	if (fault == NULL || fault->pid != me)
		return (0);
	if (++fault->count[kind] != fault->fail_at[kind])
		return (0);
	fault->fired++;
	memccpy(fault->call, call, '\0', sizeof(fault->call) - 1);
	errno = error;
	return (1);
}

static void
lives(int n)
{
	if (fault != NULL && fault->pid == me)
		fault->live += n;
}

/* --- memory -------------------------------------------------------------- */

#define NEXT(name)							\
	static __typeof__(&name) next;					\
	if (next == NULL)						\
		*(void **)&next = dlsym(RTLD_NEXT, #name)

static int
is_early(const void *p)
{
	return ((const uint8_t *)p >= early &&
	    (const uint8_t *)p < early + sizeof(early));
}

static void *
early_alloc(size_t n)
{
	void	*p = early + nearly;

	n = (n + 15) & ~(size_t)15;
	if (n > sizeof(early) - nearly)
		abort();
	nearly += n;
	return (p);
}

void *
malloc(size_t n)
{
	static int	 looking;
	static void	*(*next)(size_t);
	void		*p;

	if (next == NULL) {
		if (looking)
			return (early_alloc(n));
		looking = 1;
		*(void **)&next = dlsym(RTLD_NEXT, "malloc");
	}
	if (fails(MEMORY, "malloc", ENOMEM))
		return (NULL);
	if ((p = next(n)) != NULL)
		lives(1);
	return (p);
}

void *
calloc(size_t n, size_t size)
{
	static int	 looking;
	static void	*(*next)(size_t, size_t);
	void		*p;

	if (next == NULL) {
		if (looking)
			return (early_alloc(n * size));
		looking = 1;
		*(void **)&next = dlsym(RTLD_NEXT, "calloc");
	}
	if (fails(MEMORY, "calloc", ENOMEM))
		return (NULL);
	if ((p = next(n, size)) != NULL)
		lives(1);
	return (p);
}

/* libseccomp itself aborts when it can't make a program longer. */
static int
is_seccomp(void *caller)
{
	Dl_info	 info;

	return (dladdr(caller, &info) != 0 && info.dli_fname != NULL &&
	    strstr(info.dli_fname, "/libseccomp.so") != NULL);
}

void *
realloc(void *old, size_t n)
{
	void	*p;

	NEXT(realloc);
	if (is_early(old))
		abort();
	if (fails(MEMORY, "realloc", ENOMEM) &&
	    !is_seccomp(__builtin_return_address(0)))
		return (NULL);
	if ((p = next(old, n)) != NULL && old == NULL)
		lives(1);
	return (p);
}

void *
aligned_alloc(size_t align, size_t n)
{
	void	*p;

	NEXT(aligned_alloc);
	if (fails(MEMORY, "aligned_alloc", ENOMEM))
		return (NULL);
	if ((p = next(align, n)) != NULL)
		lives(1);
	return (p);
}

int
posix_memalign(void **p, size_t align, size_t n)
{
	int	 error;

	NEXT(posix_memalign);
	if (fails(MEMORY, "posix_memalign", ENOMEM))
		return (ENOMEM);
	if ((error = next(p, align, n)) == 0)
		lives(1);
	return (error);
}

void
free(void *p)
{
	NEXT(free);
	if (p == NULL || is_early(p))
		return;
	lives(-1);
	next(p);
}

/* --- system calls -------------------------------------------------------- */

#define SYSCALL(type, name, error, params, ...)				\
type									\
name params								\
{									\
	NEXT(name);							\
	if (fails(SYSTEM, #name, error))				\
		return ((type)-1);					\
	return (next(__VA_ARGS__));					\
}

SYSCALL(ssize_t, read, EIO, (int fd, void *p, size_t n), fd, p, n)
SYSCALL(ssize_t, write, EIO, (int fd, const void *p, size_t n), fd, p, n)
SYSCALL(ssize_t, readv, EIO, (int fd, const struct iovec *v, int n), fd, v, n)
SYSCALL(ssize_t, writev, EIO, (int fd, const struct iovec *v, int n),
    fd, v, n)
SYSCALL(ssize_t, pread, EIO, (int fd, void *p, size_t n, off_t off),
    fd, p, n, off)
SYSCALL(ssize_t, pread64, EIO, (int fd, void *p, size_t n, off64_t off),
    fd, p, n, off)
SYSCALL(ssize_t, pwrite, ENOSPC, (int fd, const void *p, size_t n, off_t off),
    fd, p, n, off)
SYSCALL(ssize_t, pwrite64, ENOSPC, (int fd, const void *p, size_t n,
    off64_t off), fd, p, n, off)
SYSCALL(ssize_t, send, ENOBUFS, (int fd, const void *p, size_t n, int flags),
    fd, p, n, flags)
SYSCALL(ssize_t, sendto, ENOBUFS, (int fd, const void *p, size_t n, int flags,
    const struct sockaddr *sa, socklen_t len), fd, p, n, flags, sa, len)
SYSCALL(ssize_t, sendmsg, ENOBUFS, (int fd, const struct msghdr *msg,
    int flags), fd, msg, flags)
SYSCALL(ssize_t, recv, ENOMEM, (int fd, void *p, size_t n, int flags),
    fd, p, n, flags)
SYSCALL(ssize_t, recvfrom, ENOMEM, (int fd, void *p, size_t n, int flags,
    struct sockaddr *sa, socklen_t *len), fd, p, n, flags, sa, len)
SYSCALL(ssize_t, recvmsg, ENOMEM, (int fd, struct msghdr *msg, int flags),
    fd, msg, flags)
SYSCALL(int, socket, EMFILE, (int domain, int type, int proto),
    domain, type, proto)
SYSCALL(int, socketpair, EMFILE, (int domain, int type, int proto, int sv[2]),
    domain, type, proto, sv)
SYSCALL(int, connect, EAGAIN, (int fd, const struct sockaddr *sa,
    socklen_t len), fd, sa, len)
SYSCALL(int, bind, EADDRINUSE, (int fd, const struct sockaddr *sa,
    socklen_t len), fd, sa, len)
SYSCALL(int, listen, EADDRINUSE, (int fd, int n), fd, n)
SYSCALL(int, accept4, EMFILE, (int fd, struct sockaddr *sa, socklen_t *len,
    int flags), fd, sa, len, flags)
SYSCALL(int, accept, EMFILE, (int fd, struct sockaddr *sa, socklen_t *len),
    fd, sa, len)
SYSCALL(int, setsockopt, ENOBUFS, (int fd, int level, int name, const void *p,
    socklen_t len), fd, level, name, p, len)
SYSCALL(int, getsockopt, ENOBUFS, (int fd, int level, int name, void *p,
    socklen_t *len), fd, level, name, p, len)
SYSCALL(void *, mmap, ENOMEM, (void *p, size_t n, int prot, int flags, int fd,
    off_t off), p, n, prot, flags, fd, off)
SYSCALL(int, mprotect, ENOMEM, (void *p, size_t n, int prot), p, n, prot)
SYSCALL(int, mlock, ENOMEM, (const void *p, size_t n), p, n)
SYSCALL(int, madvise, EAGAIN, (void *p, size_t n, int advice), p, n, advice)
SYSCALL(ssize_t, getrandom, EAGAIN, (void *p, size_t n, unsigned int flags),
    p, n, flags)
SYSCALL(int, ftruncate, EIO, (int fd, off_t n), fd, n)
SYSCALL(int, ftruncate64, EIO, (int fd, off64_t n), fd, n)
SYSCALL(int, fallocate, ENOSPC, (int fd, int mode, off_t off, off_t n),
    fd, mode, off, n)
SYSCALL(off_t, lseek, EIO, (int fd, off_t off, int whence), fd, off, whence)
SYSCALL(off64_t, lseek64, EIO, (int fd, off64_t off, int whence),
    fd, off, whence)
SYSCALL(int, fstat, EIO, (int fd, struct stat *st), fd, st)
SYSCALL(int, fstat64, EIO, (int fd, struct stat64 *st), fd, st)
SYSCALL(int, stat, EIO, (const char *path, struct stat *st), path, st)
SYSCALL(int, lstat, EIO, (const char *path, struct stat *st), path, st)
SYSCALL(int, mkdir, ENOSPC, (const char *path, mode_t mode), path, mode)
SYSCALL(int, chown, EIO, (const char *path, uid_t uid, gid_t gid),
    path, uid, gid)
SYSCALL(int, chmod, EIO, (const char *path, mode_t mode), path, mode)
SYSCALL(int, fchmod, EIO, (int fd, mode_t mode), fd, mode)
SYSCALL(int, unlink, EIO, (const char *path), path)
SYSCALL(int, poll, ENOMEM, (struct pollfd *p, nfds_t n, int ms), p, n, ms)
SYSCALL(int, epoll_create1, EMFILE, (int flags), flags)
SYSCALL(int, epoll_ctl, ENOMEM, (int fd, int op, int on,
    struct epoll_event *ev), fd, op, on, ev)
SYSCALL(int, pipe2, EMFILE, (int fd[2], int flags), fd, flags)
SYSCALL(int, dup, EMFILE, (int fd), fd)
SYSCALL(int, dup2, EBUSY, (int fd, int to), fd, to)
SYSCALL(pid_t, fork, EAGAIN, (void))
SYSCALL(int, setrlimit, EPERM, (__rlimit_resource_t what,
    const struct rlimit *rl), what, rl)
SYSCALL(int, chroot, EPERM, (const char *path), path)
SYSCALL(int, chdir, EACCES, (const char *path), path)
SYSCALL(int, setgroups, EPERM, (size_t n, const gid_t *gids), n, gids)
SYSCALL(int, setresgid, EAGAIN, (gid_t r, gid_t e, gid_t s), r, e, s)
SYSCALL(int, setresuid, EAGAIN, (uid_t r, uid_t e, uid_t s), r, e, s)

#define SYSCALL_SYNC(name)						\
int									\
name(int fd)								\
{									\
	NEXT(name);							\
	if (fault != NULL && fault->no_sync) {				\
		errno = EIO;						\
		return (-1);						\
	}								\
	if (fails(SYSTEM, #name, EIO))					\
		return (-1);						\
	return (next(fd));						\
}

SYSCALL_SYNC(fdatasync)
SYSCALL_SYNC(fsync)

/* Those whose last arguments come or not. */
#define SYSCALL_OPEN(name)						\
int									\
name(const char *path, int flags, ...)					\
{									\
	va_list	 ap;							\
	mode_t	 mode = 0;						\
									\
	NEXT(name);							\
	if ((flags & (O_CREAT | __O_TMPFILE)) != 0) {			\
		va_start(ap, flags);					\
		mode = va_arg(ap, mode_t);				\
		va_end(ap);						\
	}								\
	if (fails(SYSTEM, #name, EMFILE))				\
		return (-1);						\
	return (next(path, flags, mode));				\
}

SYSCALL_OPEN(open)
SYSCALL_OPEN(open64)

#define SYSCALL_LAST(name, error, first, second)			\
int									\
name(first a, second b, ...)						\
{									\
	va_list	 ap;							\
	long	 last;							\
									\
	NEXT(name);							\
	va_start(ap, b);						\
	last = va_arg(ap, long);					\
	va_end(ap);							\
	if (fails(SYSTEM, #name, error))				\
		return (-1);						\
	return (next(a, b, last));					\
}

SYSCALL_LAST(fcntl, EMFILE, int, int)
SYSCALL_LAST(fcntl64, EMFILE, int, int)

/* Children of kbsd get no environment; they get this file all the same. */
int
execle(const char *path, const char *arg, ...)
{
	static const char *const	 names[] = { "LD_PRELOAD", "FAULT",
					    "ASAN_OPTIONS" };
	static char			 text[3][4096];
	char				*argv[16], *env[8], **given;
	const char			*value;
	size_t				 i, n = 0;
	va_list				 ap;

	va_start(ap, arg);
	argv[n] = (char *)(uintptr_t)arg;
	while (argv[n] != NULL && n < 14)
		argv[++n] = va_arg(ap, char *);
	given = va_arg(ap, char **);
	va_end(ap);
	for (n = 0; given[n] != NULL && n < 4; n++)
		env[n] = given[n];
	for (i = 0; i < 3; i++) {
		if ((value = getenv(names[i])) == NULL)
			continue;
		snprintf(text[i], sizeof(text[i]), "%s=%s", names[i], value);
		env[n++] = text[i];
	}
	env[n] = NULL;
	return (execve(path, argv, env));
}

int
prctl(int option, ...)
{
	va_list		 ap;
	unsigned long	 arg[4];
	int		 i;

	NEXT(prctl);
	va_start(ap, option);
	for (i = 0; i < 4; i++)
		arg[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if (fails(SYSTEM, "prctl", EPERM))
		return (-1);
	return (next(option, arg[0], arg[1], arg[2], arg[3]));
}
