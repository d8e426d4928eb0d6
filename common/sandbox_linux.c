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
 * Linux: Landlock for files, TCP and signals as far as the kernel has it, and
 * a seccomp allow-list for each process, which kills by default.
 */

#ifdef __linux__

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"

void
sandbox_early(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("prctl");
}

void
sandbox_schedule(void)
{
	struct sched_param	 none = { 0 };

	/* A service manager may have done it, and let nobody else. */
	if (sched_getscheduler(0) != SCHED_BATCH &&
	    sched_setscheduler(0, SCHED_BATCH, &none) == -1)
		log_warn("sched_setscheduler");
}

#ifdef WITHOUT_SANDBOX

void
sandbox_enter(enum process_kind kind, int flags, char *text, size_t textsize)
{
	(void)kind;
	(void)flags;
	strlcpy(text, "NO SANDBOX (built WITHOUT_SANDBOX)", textsize);
}

int
sandbox_path(const char *path, int writable)
{
	(void)path;
	(void)writable;
	return (0);
}

#else

/*
 * Landlock.  The headers of older systems end at an early ABI, so what is
 * needed of the later ones is spelled out here.
 */
struct ruleset_attr {
	uint64_t	 fs;		/* ABI 1 */
	uint64_t	 net;		/* ABI 4 */
	uint64_t	 scoped;	/* ABI 6 */
};

struct path_attr {
	uint64_t	 allowed;
	int32_t		 fd;
} __attribute__((packed));

#define LL_FS_EXECUTE		(1ULL << 0)
#define LL_FS_ABI1		((1ULL << 13) - 1)
#define LL_FS_REFER		(1ULL << 13)	/* ABI 2 */
#define LL_FS_TRUNCATE		(1ULL << 14)	/* ABI 3 */
#define LL_FS_IOCTL_DEV		(1ULL << 15)	/* ABI 5 */
#define LL_NET_BIND		(1ULL << 0)
#define LL_NET_CONNECT		(1ULL << 1)
#define LL_SCOPE_UNIX		(1ULL << 0)
#define LL_SCOPE_SIGNAL		(1ULL << 1)
#define LL_RULE_PATH		1
#define LL_VERSION		1U

/* write, read file, read dir, remove file, make reg, truncate */
#define LL_FS_DATABASE		((1ULL << 1) | (1ULL << 2) | (1ULL << 3) | \
				(1ULL << 5) | (1ULL << 8) | LL_FS_TRUNCATE)

/* Read file, read dir; and what a module may too: remove dir, make dir. */
#define LL_FS_READ		((1ULL << 2) | (1ULL << 3))
#define LL_FS_TREE		(LL_FS_DATABASE | (1ULL << 4) | (1ULL << 7))
/* What there is to allow of a path that is no directory. */
#define LL_FS_FILE		((1ULL << 1) | (1ULL << 2) | LL_FS_TRUNCATE)

static struct path_attr	 paths[SANDBOX_PATHS];
static size_t		 npaths;

int
sandbox_path(const char *path, int writable)
{
	struct path_attr	*p = &paths[npaths];
	struct stat		 st;

	if (npaths == SANDBOX_PATHS) {
		errno = ENOSPC;
		return (-1);
	}
	if ((p->fd = open(path, O_PATH | O_CLOEXEC)) == -1)
		return (-1);
	if (fstat(p->fd, &st) == -1) {
		close(p->fd);
		return (-1);
	}
	p->allowed = writable ? LL_FS_TREE : LL_FS_READ;
	if (!S_ISDIR(st.st_mode))
		p->allowed &= LL_FS_FILE;
	npaths++;
	return (0);
}

static void
landlock_fill(struct ruleset_attr *attr, long abi, int outside)
{
	memset(attr, 0, sizeof(*attr));
	attr->fs = LL_FS_ABI1;
	if (abi >= 2)
		attr->fs |= LL_FS_REFER;
	if (abi >= 3)
		attr->fs |= LL_FS_TRUNCATE;
	if (abi >= 5)
		attr->fs |= LL_FS_IOCTL_DEV;
	if (abi >= 4) {
		attr->net = LL_NET_BIND | LL_NET_CONNECT;
		if (outside)
			attr->net = LL_NET_BIND;
	}
	if (abi >= 6)
		attr->scoped = LL_SCOPE_UNIX | LL_SCOPE_SIGNAL;
}

static void
landlock_path(int ruleset, uint64_t handled, struct path_attr *path)
{
	path->allowed &= handled;
	if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH, path,
	    0) == -1)
		fatal("landlock_add_rule");
	close(path->fd);
}

static void
landlock_files(int ruleset, uint64_t handled, uint64_t wanted)
{
	struct path_attr	 path = { .allowed = wanted };

	if ((path.fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		fatal("open working directory");
	landlock_path(ruleset, handled, &path);
}

/* The ABI in force, 0 if the kernel has none. */
static long
landlock_enter(int flags)
{
	struct ruleset_attr	 attr;
	long			 abi;
	int			 ruleset;
	size_t			 i, size = sizeof(attr);

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_VERSION);
	if (abi <= 0)
		return (0);
	landlock_fill(&attr, abi, (flags & START_OUTSIDE) != 0);
	if (abi < 4)
		size = sizeof(attr.fs);
	else if (abi < 6)
		size = sizeof(attr.fs) + sizeof(attr.net);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset == -1)
		fatal("landlock_create_ruleset");
	if ((flags & START_FILES) != 0)
		landlock_files(ruleset, attr.fs, LL_FS_DATABASE);
	else if ((flags & START_READ) != 0)
		landlock_files(ruleset, attr.fs, LL_FS_READ);
	for (i = 0; (flags & START_MODULE) != 0 && i < npaths; i++)
		landlock_path(ruleset, attr.fs, &paths[i]);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
		fatal("landlock_restrict_self");
	close(ruleset);
	return (abi);
}

/*
 * Allow-lists.  They were measured: what a process calls after its sandbox has
 * closed, over the tests of each and whole runs.  A call that was never seen
 * stands here only with the reason why it may come all the same.
 */
#define KIND(kind)	(1U << (kind))
#define ALL		(~0U)
#define FRONTS		(KIND(PROC_FRONTEND) | KIND(PROC_GATE))
#define ACCEPTS		(FRONTS | KIND(PROC_CONTROL) | KIND(PROC_METRICS))
#define DATABASES	(KIND(PROC_STORE) | KIND(PROC_KMS))
#define FILES		(DATABASES | KIND(PROC_AUDIT))
/* Beside its kind: who makes connections (START_OUTSIDE), and who does not. */
#define OUTSIDE		(1U << PROC_MAX)
#define INSIDE		(1U << (PROC_MAX + 1))
/* A kms whose keystore's own library works on files (START_MODULE). */
#define MODULE		(1U << (PROC_MAX + 2))
/* A fetcher that goes outside. */
#define LOOKS		(1U << (PROC_MAX + 4))
/* Who opens files in its directory, and writes none (START_READ). */
#define READS		(1U << (PROC_MAX + 3))
#define MAKER		KIND(PROC_MAKER)

struct allowed {
	unsigned int	 kinds;
	int		 call;
};

static const struct allowed allowed[] = {
	/* messages, memory, the end */
	{ ALL, SCMP_SYS(read) },
	{ ALL, SCMP_SYS(sendmsg) },
	{ ALL, SCMP_SYS(recvmsg) },
	{ ALL, SCMP_SYS(close) },
	{ ALL, SCMP_SYS(epoll_ctl) },
	{ ALL, SCMP_SYS(epoll_wait) },
	{ ALL, SCMP_SYS(getpid) },
	{ ALL, SCMP_SYS(brk) },
	{ ALL, SCMP_SYS(munmap) },
	{ ALL, SCMP_SYS(getrandom) },
	{ ALL, SCMP_SYS(exit_group) },
	/* unseen: other machines and a newer libevent wait with these */
	{ ALL, SCMP_SYS(epoll_pwait) },
	{ ALL, SCMP_SYS(epoll_pwait2) },
	/* unseen: realloc(3) of what malloc(3) had mapped */
	{ ALL, SCMP_SYS(mremap) },
	/* unseen: qsort(3) of more than 1 KiB asks how much memory there is */
	{ ALL, SCMP_SYS(sysinfo) },
	/* unseen: where the vDSO can't read the clock of the machine */
	{ ALL, SCMP_SYS(clock_gettime) },
	{ ALL, SCMP_SYS(gettimeofday) },
	{ ALL, SCMP_SYS(time) },
	/* unseen: the last words of libc, and abort(3) with tgkill below */
	{ ALL, SCMP_SYS(write) },
	{ ALL, SCMP_SYS(writev) },
	{ ALL, SCMP_SYS(rt_sigprocmask) },
	{ ALL, SCMP_SYS(rt_sigaction) },
	{ ALL, SCMP_SYS(gettid) },

	/* strangers and operators come in on inherited sockets */
	{ ACCEPTS, SCMP_SYS(accept4) },
	{ FRONTS | KIND(PROC_METRICS), SCMP_SYS(shutdown) },
	/* waiting for the signer, and within libcurl */
	{ FRONTS | OUTSIDE, SCMP_SYS(poll) },
	{ FRONTS | OUTSIDE, SCMP_SYS(recvfrom) },
	/* unseen: poll(2) of other machines, or after being stopped */
	{ FRONTS | OUTSIDE, SCMP_SYS(ppoll) },
	{ FRONTS | OUTSIDE, SCMP_SYS(restart_syscall) },

	/* the internet; sockets only as below */
	{ OUTSIDE, SCMP_SYS(connect) },
	{ OUTSIDE, SCMP_SYS(sendto) },
	{ OUTSIDE, SCMP_SYS(getpeername) },
	{ OUTSIDE, SCMP_SYS(getsockname) },

	/* files; Landlock or chroot says where those of a database are */
	{ FILES, SCMP_SYS(pread64) },
	{ FILES, SCMP_SYS(fdatasync) },
	{ FILES | READS, SCMP_SYS(newfstatat) },
	/* unseen: the same in a newer libc */
	{ FILES | READS, SCMP_SYS(fstat) },
	{ DATABASES, SCMP_SYS(pwrite64) },
	{ DATABASES, SCMP_SYS(ftruncate) },
	{ DATABASES, SCMP_SYS(openat) },
	/* unseen: the last connection to a database removes its WAL */
	{ DATABASES, SCMP_SYS(unlink) },
	{ DATABASES, SCMP_SYS(unlinkat) },
	/* unseen: SQLite seeks a hot journal before it first locks */
	{ DATABASES, SCMP_SYS(access) },
	{ DATABASES, SCMP_SYS(faccessat) },
	/* unseen: an SQLite that was built without pread and fdatasync */
	{ DATABASES, SCMP_SYS(lseek) },
	{ DATABASES, SCMP_SYS(fsync) },

	/* the files of a token; Landlock says where they are */
	{ MODULE, SCMP_SYS(getdents64) },
	/* unseen: modules with a database, or written in Rust */
	{ MODULE, SCMP_SYS(statx) },
	{ MODULE, SCMP_SYS(geteuid) },
	/* unseen: modules that replace files whole, and lock secrets */
	{ MODULE, SCMP_SYS(rename) },
	{ MODULE, SCMP_SYS(renameat) },
	{ MODULE, SCMP_SYS(mkdir) },
	{ MODULE, SCMP_SYS(mkdirat) },
	{ MODULE, SCMP_SYS(mlock) },
	{ MODULE, SCMP_SYS(munlock) },

	/* a secret of its own for each key that comes in */
	{ MAKER, SCMP_SYS(mlock) },
	{ MAKER, SCMP_SYS(madvise) },
};

/* Calls of which only some are allowed; all conditions of a row must hold. */
#define CONDITIONS	3
#define INT		0xffffffffULL
#define POINTER		(~0ULL)
#define FUTEX_OPERATION	(INT & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))
#define OPEN_WRITES	(INT & (O_ACCMODE | O_CREAT | O_TRUNC))
#define SOCKET_TYPE	(INT & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))

struct filter {
	unsigned int	 kinds;
	int		 call;
	struct {
		unsigned int	 argument;
		scmp_datum_t	 mask;		/* 0: no condition */
		scmp_datum_t	 value;
	} when[CONDITIONS];
};

static const struct filter filters[] = {
	/* No memory ever becomes executable. */
	{ ALL, SCMP_SYS(mmap), { { 2, PROT_EXEC, 0 } } },
	{ MAKER | MODULE, SCMP_SYS(mprotect), { { 2, PROT_EXEC, 0 } } },
	/* send(2): no address, so that only who is connected hears it. */
	{ INSIDE, SCMP_SYS(sendto), { { 4, POINTER, 0 } } },
	/* Locks of libcrypto; none that inherits priority or requeues. */
	{ ALL, SCMP_SYS(futex), { { 1, FUTEX_OPERATION, FUTEX_WAIT } } },
	{ ALL, SCMP_SYS(futex), { { 1, FUTEX_OPERATION, FUTEX_WAKE } } },
	{ ALL, SCMP_SYS(futex), { { 1, FUTEX_OPERATION,
	    FUTEX_WAIT_BITSET } } },

	{ FRONTS | OUTSIDE | MODULE, SCMP_SYS(fcntl), { { 1, INT,
	    F_GETFL } } },
	{ FRONTS | OUTSIDE, SCMP_SYS(fcntl), { { 1, INT, F_SETFL } } },
	{ READS, SCMP_SYS(openat), { { 2, OPEN_WRITES, O_RDONLY } } },
	{ FILES, SCMP_SYS(fcntl), { { 1, INT, F_SETLK } } },
	{ DATABASES, SCMP_SYS(fcntl), { { 1, INT, F_GETLK } } },
	{ MODULE, SCMP_SYS(fcntl), { { 1, INT, F_SETLKW } } },

	{ FRONTS | OUTSIDE, SCMP_SYS(setsockopt), { { 1, INT, IPPROTO_TCP },
	    { 2, INT, TCP_NODELAY } } },
	{ KIND(PROC_CONTROL), SCMP_SYS(getsockopt), { { 1, INT, SOL_SOCKET },
	    { 2, INT, SO_PEERCRED } } },
	{ OUTSIDE, SCMP_SYS(getsockopt), { { 1, INT, SOL_SOCKET },
	    { 2, INT, SO_ERROR } } },

	{ OUTSIDE, SCMP_SYS(socket), { { 0, INT, AF_INET },
	    { 1, SOCKET_TYPE, SOCK_STREAM }, { 2, INT, IPPROTO_TCP } } },
	{ OUTSIDE, SCMP_SYS(socket), { { 0, INT, AF_INET6 },
	    { 1, SOCKET_TYPE, SOCK_STREAM }, { 2, INT, IPPROTO_TCP } } },
	/* Names, and libcurl's look whether there is an IPv6. */
	{ OUTSIDE, SCMP_SYS(socket), { { 0, INT, AF_INET },
	    { 1, SOCKET_TYPE, SOCK_DGRAM }, { 2, INT, 0 } } },
	{ OUTSIDE, SCMP_SYS(socket), { { 0, INT, AF_INET6 },
	    { 1, SOCKET_TYPE, SOCK_DGRAM }, { 2, INT, 0 } } },
};

/*
 * A module tells syslog(3) what fails: nobody listens.  One with a database
 * sets the mode of a file that it has made, and does well without.
 */
static const struct filter unheard[] = {
	{ MODULE, SCMP_SYS(fchmod), { { 0 } } },
	{ MODULE, SCMP_SYS(socket), { { 0, INT, AF_UNIX } } },
};

/* libcurl and its kind look for files now and then: there are none. */
static const struct allowed missing[] = {
	{ LOOKS, SCMP_SYS(open) },
	{ LOOKS, SCMP_SYS(openat) },
	{ LOOKS, SCMP_SYS(access) },
	{ LOOKS, SCMP_SYS(newfstatat) },
};

static void
seccomp_must(int error)
{
	if (error != 0)
		fatalx("seccomp: %s", strerror(-error));
}

static void
seccomp_calls(scmp_filter_ctx ctx, unsigned int who, uint32_t action,
    const struct allowed *list, size_t n)
{
	size_t	 i;
	int	 error;

	for (i = 0; i < n; i++) {
		if ((list[i].kinds & who) == 0)
			continue;
		error = seccomp_rule_add(ctx, action, list[i].call, 0);
		/* Not every architecture has each of them. */
		if (error != -EDOM)
			seccomp_must(error);
	}
}

static void
seccomp_filter(scmp_filter_ctx ctx, uint32_t action,
    const struct filter *filter)
{
	struct scmp_arg_cmp	 cmp[CONDITIONS];
	unsigned int		 n;

	memset(cmp, 0, sizeof(cmp));
	for (n = 0; n < CONDITIONS && filter->when[n].mask != 0; n++) {
		cmp[n].arg = filter->when[n].argument;
		cmp[n].op = SCMP_CMP_MASKED_EQ;
		cmp[n].datum_a = filter->when[n].mask;
		cmp[n].datum_b = filter->when[n].value;
	}
	seccomp_must(seccomp_rule_add_array(ctx, action, filter->call, n,
	    cmp));
}

static void
seccomp_filters(scmp_filter_ctx ctx, unsigned int who, uint32_t action,
    const struct filter *list, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if ((list[i].kinds & who) != 0)
			seccomp_filter(ctx, action, &list[i]);
}

/* abort(3), and no signal to anybody else. */
static void
seccomp_abort(scmp_filter_ctx ctx)
{
	struct filter	 self_only = {
		.call = SCMP_SYS(tgkill),
		.when = { { 0, INT, (scmp_datum_t)getpid() } },
	};

	seccomp_filter(ctx, SCMP_ACT_ALLOW, &self_only);
}

static void
seccomp_enter(unsigned int who)
{
	scmp_filter_ctx	 ctx;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		fatalx("seccomp_init");
	seccomp_must(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS));
	seccomp_calls(ctx, who, SCMP_ACT_ALLOW, allowed,
	    sizeof(allowed) / sizeof(allowed[0]));
	seccomp_calls(ctx, who, SCMP_ACT_ERRNO(EACCES), missing,
	    sizeof(missing) / sizeof(missing[0]));
	seccomp_filters(ctx, who, SCMP_ACT_ALLOW, filters,
	    sizeof(filters) / sizeof(filters[0]));
	seccomp_filters(ctx, who, SCMP_ACT_ERRNO(EACCES), unheard,
	    sizeof(unheard) / sizeof(unheard[0]));
	seccomp_abort(ctx);
	seccomp_must(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	seccomp_must(seccomp_load(ctx));
	seccomp_release(ctx);
}

static unsigned int
seccomp_who(enum process_kind kind, int flags)
{
	unsigned int	 who = KIND(kind);

	who |= (flags & START_OUTSIDE) != 0 ? OUTSIDE : INSIDE;
	if ((flags & START_MODULE) != 0)
		who |= MODULE;
	if ((flags & START_READ) != 0)
		who |= READS;
	if (kind == PROC_FETCHER && (flags & START_OUTSIDE) != 0)
		who |= LOOKS;
	return (who);
}

void
sandbox_enter(enum process_kind kind, int flags, char *text, size_t textsize)
{
	char	 landlock[32] = "";
	long	 abi;
	int	 chrooted = (flags & START_CHROOT) != 0;

	abi = landlock_enter(flags);
	if (abi == 0 && (flags & START_MODULE) != 0)
		fatalx("this kernel has no Landlock, without which no module "
		    "is used: Linux 5.13 or newer has it");
	if (abi == 0 && !chrooted)
		fatalx("this kernel has no Landlock: start kbsd as root, so "
		    "that it can chroot, or on Linux 5.13 or newer");
	if (abi > 0)
		snprintf(landlock, sizeof(landlock), " landlock:%ld", abi);
	seccomp_enter(seccomp_who(kind, flags));
	snprintf(text, textsize, "no_new_privs seccomp%s%s", landlock,
	    chrooted ? " chroot" : "");
}

#endif /* WITHOUT_SANDBOX */
#endif /* __linux__ */
