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
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
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

#ifdef WITHOUT_SANDBOX

void
sandbox_enter(enum process_kind kind, int files, int chrooted, char *text,
    size_t textsize)
{
	(void)kind;
	(void)files;
	(void)chrooted;
	strlcpy(text, "NO SANDBOX (built WITHOUT_SANDBOX)", textsize);
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

static void
landlock_fill(struct ruleset_attr *attr, long abi, enum process_kind kind)
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
		if (kind == PROC_FETCHER || kind == PROC_KMS)
			attr->net = LL_NET_BIND;
	}
	if (abi >= 6)
		attr->scoped = LL_SCOPE_UNIX | LL_SCOPE_SIGNAL;
}

static void
landlock_files(int ruleset, uint64_t handled)
{
	struct path_attr	 path;

	path.allowed = LL_FS_DATABASE & handled;
	if ((path.fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) == -1)
		fatal("open working directory");
	if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH, &path,
	    0) == -1)
		fatal("landlock_add_rule");
	close(path.fd);
}

/* The ABI in force, 0 if the kernel has none. */
static long
landlock_enter(enum process_kind kind, int files)
{
	struct ruleset_attr	 attr;
	long			 abi;
	int			 ruleset;
	size_t			 size = sizeof(attr);

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_VERSION);
	if (abi <= 0)
		return (0);
	landlock_fill(&attr, abi, kind);
	if (abi < 4)
		size = sizeof(attr.fs);
	else if (abi < 6)
		size = sizeof(attr.fs) + sizeof(attr.net);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset == -1)
		fatal("landlock_create_ruleset");
	if (files)
		landlock_files(ruleset, attr.fs);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) == -1)
		fatal("landlock_restrict_self");
	close(ruleset);
	return (abi);
}

/* What every process needs: messages, memory, time, its end. */
static const int calls_all[] = {
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
	SCMP_SYS(recvfrom), SCMP_SYS(close), SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(brk), SCMP_SYS(munmap),
	SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mlock),
	SCMP_SYS(munlock), SCMP_SYS(getrandom), SCMP_SYS(futex),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(fcntl), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
};

/* Strangers and operators come in on inherited sockets. */
static const int calls_accept[] = {
	SCMP_SYS(accept4), SCMP_SYS(accept), SCMP_SYS(getpeername),
	SCMP_SYS(getsockname), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
	SCMP_SYS(shutdown), SCMP_SYS(ioctl),
};

/* SQLite in the working directory; Landlock or chroot says where that is. */
static const int calls_database[] = {
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(unlink),
	SCMP_SYS(unlinkat), SCMP_SYS(ftruncate), SCMP_SYS(fdatasync),
	SCMP_SYS(fsync), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(lseek), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(getcwd), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(fchmod), SCMP_SYS(geteuid), SCMP_SYS(getuid),
	SCMP_SYS(fallocate),
};

static const int calls_append[] = {
	SCMP_SYS(fdatasync), SCMP_SYS(lseek), SCMP_SYS(pread64),
};

/* The internet; sockets only of the families below. */
static const int calls_connect[] = {
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getpeername),
	SCMP_SYS(getsockname), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
	SCMP_SYS(shutdown), SCMP_SYS(ioctl), SCMP_SYS(sendmmsg),
	SCMP_SYS(socketpair), SCMP_SYS(pipe2), SCMP_SYS(eventfd2),
	SCMP_SYS(geteuid), SCMP_SYS(getuid),
};

struct calls {
	enum process_kind	 kind;
	const int		*list;
	size_t			 n;
};

#define CALLS(list)	list, sizeof(list) / sizeof(list[0])

static const struct calls calls[] = {
	{ PROC_FRONTEND,	CALLS(calls_accept) },
	{ PROC_GATE,		CALLS(calls_accept) },
	{ PROC_CONTROL,		CALLS(calls_accept) },
	{ PROC_STORE,		CALLS(calls_database) },
	{ PROC_KMS,		CALLS(calls_database) },
	{ PROC_AUDIT,		CALLS(calls_append) },
	{ PROC_FETCHER,		CALLS(calls_connect) },
};

static void
seccomp_allow(scmp_filter_ctx ctx, const int *list, size_t n)
{
	size_t	 i;
	int	 error;

	for (i = 0; i < n; i++) {
		error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, list[i], 0);
		/* Not every architecture has each of them. */
		if (error != 0 && error != -EDOM && error != -EEXIST)
			fatalx("seccomp_rule_add: %s", strerror(-error));
	}
}

static void
seccomp_must(int error)
{
	if (error != 0)
		fatalx("seccomp: %s", strerror(-error));
}

/* Allow a call when one of its arguments, masked, has a value. */
static void
seccomp_allow_if(scmp_filter_ctx ctx, int call, unsigned int argument,
    scmp_datum_t mask, scmp_datum_t value)
{
	struct scmp_arg_cmp	 cmp = {
		.arg = argument,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = mask,
		.datum_b = value,
	};

	seccomp_must(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1,
	    &cmp));
}

static void
seccomp_arguments(scmp_filter_ctx ctx, enum process_kind kind)
{
	const scmp_datum_t	 all32 = 0xffffffff;

	/* No memory ever becomes executable. */
	seccomp_allow_if(ctx, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	seccomp_allow_if(ctx, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	/* abort(3) */
	seccomp_allow_if(ctx, SCMP_SYS(tgkill), 0, all32,
	    (scmp_datum_t)getpid());
	if (kind != PROC_FETCHER)
		return;
	seccomp_allow_if(ctx, SCMP_SYS(socket), 0, all32, AF_INET);
	seccomp_allow_if(ctx, SCMP_SYS(socket), 0, all32, AF_INET6);
	/* Its libraries look for files now and then: there are none. */
	seccomp_must(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES),
	    SCMP_SYS(openat), 0));
	seccomp_must(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES),
	    SCMP_SYS(open), 0));
}

static void
seccomp_enter(enum process_kind kind)
{
	scmp_filter_ctx	 ctx;
	size_t		 i;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		fatalx("seccomp_init");
	seccomp_allow(ctx, calls_all, sizeof(calls_all) /
	    sizeof(calls_all[0]));
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].kind == kind)
			seccomp_allow(ctx, calls[i].list, calls[i].n);
	seccomp_arguments(ctx, kind);
	seccomp_must(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	seccomp_must(seccomp_load(ctx));
	seccomp_release(ctx);
}

void
sandbox_enter(enum process_kind kind, int files, int chrooted, char *text,
    size_t textsize)
{
	char	 landlock[32] = "";
	long	 abi;

	abi = landlock_enter(kind, files);
	if (abi == 0 && !chrooted)
		fatalx("this kernel has no Landlock: start kbsd as root, so "
		    "that it can chroot, or on Linux 5.13 or newer");
	if (abi > 0)
		snprintf(landlock, sizeof(landlock), " landlock:%ld", abi);
	seccomp_enter(kind);
	snprintf(text, textsize, "no_new_privs seccomp%s%s", landlock,
	    chrooted ? " chroot" : "");
}

#endif /* WITHOUT_SANDBOX */
#endif /* __linux__ */
