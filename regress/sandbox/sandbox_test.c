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
 * Each kind of process tries what is forbidden to it, in the sandbox that it
 * has: a child does what common/process.c does and then one thing.  By default
 * a thing is to end the child with SIGSYS; whatever else may happen is listed,
 * by kind and by the way kbsd was started.
 */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"

#define UID_OTHERS	60001	/* frontend and the like */
#define UID_KEYS	60002	/* who may touch keys */
#define UID_PLAIN	65534

/* How an attempt may end. */
#define SYS	0x01	/* killed by the sandbox */
#define WORKS	0x02
#define ACCES	0x04	/* refused: EACCES */
#define NOENT	0x08	/* out of sight: ENOENT */
#define ABRT	0x10
#define SEGV	0x20	/* this kernel has no such way in */
#define OTHER	0x40

#define KIND(kind)	(1U << (kind))
#define ALL		(~0U)
#define FRONTS		(KIND(PROC_FRONTEND) | KIND(PROC_GATE))
#define METRICS		KIND(PROC_METRICS)
#define ACCEPTS		(FRONTS | METRICS | KIND(PROC_CONTROL))
/* Of a keystore elsewhere: PROC_KMS with START_OUTSIDE. */
#define PROC_KMS_OUTSIDE	PROC_MAX
/* Of one whose library works on files: with START_MODULE, never in a chroot. */
#define PROC_KMS_MODULE		(PROC_MAX + 1)
#define MODULE			KIND(PROC_KMS_MODULE)
/* Of a fetcher whose collateral lies in its directory: with START_READ. */
#define PROC_FETCHER_READS	(PROC_MAX + 2)
#define READS			KIND(PROC_FETCHER_READS)
#define DATABASES	(KIND(PROC_STORE) | KIND(PROC_KMS) | \
			KIND(PROC_KMS_OUTSIDE))
#define FILES		(DATABASES | KIND(PROC_AUDIT) | MODULE)
#define FILES_OPENED	(DATABASES | MODULE | READS)
#define FETCHER		KIND(PROC_FETCHER)
#define CONNECTS	(FETCHER | KIND(PROC_KMS_OUTSIDE))
#define MAKER		KIND(PROC_MAKER)
#define KEYUSER		(FILES | KIND(PROC_SIGNER) | KIND(PROC_AUTH) | \
			KIND(PROC_HASHER) | KIND(PROC_ENGINE) | MAKER)

enum start { CHROOT = 1, PLAIN = 2, EITHER = 3 };

/* What lies around the process that tries. */
static struct {
	char			 top[64];
	char			 in[96];	/* its directory */
	char			 file[96];	/* outside, open to all */
	char			 reads[128];	/* a module's, as are */
	char			 writes[128];
	struct sockaddr_un	 name;		/* a socket outside */
	struct sockaddr_un	 abstract;
	struct sockaddr_in	 tcp;
	socklen_t		 abstractlen;
	int			 dir;		/* of in */
	int			 heard[2];	/* the ends of both names */
	int			 listener;
	int			 unbound;	/* TCP */
	int			 append;
	pid_t			 sibling;
	uid_t			 uid;
} world;

static char	 sibling_secret[16] = "sibling's secret";

/* --- what is tried: 0, or errno ------------------------------------------ */

#define TRY(name, call)							\
static int								\
try_##name(void)							\
{									\
	return ((call) == -1 ? errno : 0);				\
}

/* files */
TRY(open_passwd, openat(AT_FDCWD, "/etc/passwd", O_RDONLY))
TRY(open_outside, openat(AT_FDCWD, world.file, O_RDONLY))
TRY(write_outside, openat(AT_FDCWD, world.file, O_WRONLY))
TRY(climb_outside, openat(AT_FDCWD, "../out/file", O_RDONLY))
TRY(truncate_outside, openat(AT_FDCWD, world.file, O_WRONLY | O_TRUNC))
TRY(create_outside, openat(AT_FDCWD, "../out/new", O_WRONLY | O_CREAT, 0600))
TRY(open_mem, openat(AT_FDCWD, "/proc/self/mem", O_RDWR))
TRY(open_tmpfile, openat(AT_FDCWD, "/tmp", O_RDWR | O_TMPFILE, 0600))
TRY(own_read, openat(AT_FDCWD, "own", O_RDONLY | O_NOFOLLOW))
TRY(own_write, openat(AT_FDCWD, "own", O_WRONLY))
TRY(own_make, openat(AT_FDCWD, "new", O_RDONLY | O_CREAT, 0600))
TRY(module_read, openat(AT_FDCWD, world.reads, O_RDONLY))
TRY(module_overwrite, openat(AT_FDCWD, world.reads, O_WRONLY))
TRY(module_make, openat(AT_FDCWD, world.writes, O_RDWR | O_CREAT, 0600))
TRY(openat2, syscall(SYS_openat2, AT_FDCWD, world.file,
    &(uint64_t[3]){ 0 }, sizeof(uint64_t[3])))
TRY(unlink_outside, unlinkat(AT_FDCWD, world.file, 0))
TRY(statx, syscall(SYS_statx, AT_FDCWD, world.file, 0, STATX_SIZE,
    &(struct statx){ 0 }))
TRY(stat_outside, fstatat(AT_FDCWD, world.file, &(struct stat){ 0 }, 0))
TRY(access_outside, syscall(SYS_faccessat, AT_FDCWD, world.file, R_OK))
TRY(creat, syscall(SYS_openat, AT_FDCWD, world.file, O_CREAT | O_TRUNC |
    O_WRONLY, 0600))
TRY(mkdir, mkdirat(AT_FDCWD, "d", 0700))
TRY(rename, renameat(AT_FDCWD, "own", AT_FDCWD, "../out/own"))
TRY(link, linkat(AT_FDCWD, "own", AT_FDCWD, "hard", 0))
TRY(symlink, symlinkat("/etc", AT_FDCWD, "soft"))
TRY(readlink, readlinkat(AT_FDCWD, "/proc/self/exe", (char[9]){ 0 }, 9))
TRY(chmod, fchmodat(AT_FDCWD, "own", 0777, 0))
TRY(fchmod, fchmod(world.append, 0777))
TRY(chown, fchownat(AT_FDCWD, "own", getpid() > 0 ? UID_PLAIN : 0, 1, 0))
TRY(truncate, truncate("own", 0))
TRY(mknod, mknodat(AT_FDCWD, "fifo", S_IFIFO | 0600, 0))
TRY(utimes, utimensat(AT_FDCWD, "own", NULL, 0))
TRY(xattr, syscall(SYS_setxattr, "own", "user.x", "y", (size_t)1, 0))
TRY(getdents, syscall(SYS_getdents64, world.dir, (char[512]){ 0 }, 512))
TRY(getcwd, syscall(SYS_getcwd, (char[512]){ 0 }, 512))
TRY(chdir, chdir("/"))
TRY(fchdir, fchdir(world.dir))
TRY(chroot, chroot("."))
TRY(chroot_again, mkdirat(AT_FDCWD, "x", 0700) == -1 ? -1 : chroot("x"))
TRY(handle, syscall(SYS_open_by_handle_at, world.dir, "\0\0\0\0\0\0\0\0", 0))
TRY(name_to_handle, syscall(SYS_name_to_handle_at, AT_FDCWD, "own",
    (int[40]){ 128 }, &(int){ 0 }, 0))
TRY(inotify, syscall(SYS_inotify_init1, 0))
TRY(fanotify, syscall(SYS_fanotify_init, 0, 0))
TRY(memfd_create, syscall(SYS_memfd_create, "x", 0))
TRY(mount, syscall(SYS_mount, "none", "/", "tmpfs", 0UL, NULL))
TRY(umount, syscall(SYS_umount2, "/", 0))
TRY(pivot_root, syscall(SYS_pivot_root, ".", "."))
TRY(fsopen, syscall(SYS_fsopen, "tmpfs", 0))
TRY(dup, dup(world.dir))
TRY(dup3, dup3(world.dir, 2, 0))
TRY(dupfd, fcntl(world.dir, F_DUPFD, 0))
TRY(set_owner, fcntl(3, F_SETOWN, world.sibling))
TRY(set_lease, fcntl(world.append, F_SETLEASE, F_RDLCK))
TRY(notify, fcntl(world.dir, F_NOTIFY, DN_CREATE))
TRY(copy_file_range, syscall(SYS_copy_file_range, world.append, NULL,
    world.append, NULL, (size_t)1, 0U))
TRY(sendfile, syscall(SYS_sendfile, 3, world.append, NULL, (size_t)1))
TRY(splice, syscall(SYS_splice, world.append, NULL, 3, NULL, (size_t)1, 0U))

/* network */
TRY(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0))
TRY(socket_inet, socket(AF_INET, SOCK_STREAM, IPPROTO_TCP))
TRY(socket_inet6, socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP))
TRY(socket_udp, socket(AF_INET, SOCK_DGRAM, 0))
TRY(socket_raw, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP))
TRY(socket_ping, socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP))
TRY(socket_sctp, socket(AF_INET, SOCK_STREAM, 132))
TRY(socket_mptcp, socket(AF_INET6, SOCK_STREAM, 262))
TRY(socket_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
TRY(socket_packet, socket(AF_PACKET, SOCK_RAW, 0))
TRY(socket_alg, socket(AF_ALG, SOCK_SEQPACKET, 0))
TRY(socket_vsock, socket(AF_VSOCK, SOCK_STREAM, 0))
TRY(socketpair, socketpair(AF_UNIX, SOCK_DGRAM, 0, (int[2]){ 0 }))
TRY(connect, connect(world.unbound, (struct sockaddr *)&world.tcp,
    sizeof(world.tcp)))
TRY(connect_name, connect(2, (struct sockaddr *)&world.name,
    sizeof(world.name)))
TRY(bind, bind(world.unbound, (struct sockaddr *)&(struct sockaddr_in){
    .sin_family = AF_INET }, sizeof(struct sockaddr_in)))
TRY(listen, listen(world.unbound, 1))
TRY(accept, accept4(world.listener, NULL, NULL, SOCK_NONBLOCK))
TRY(send_name, sendto(2, "x", 1, MSG_DONTWAIT, (struct sockaddr *)
    &world.name, sizeof(world.name)))
TRY(send_abstract, sendto(2, "x", 1, MSG_DONTWAIT, (struct sockaddr *)
    &world.abstract, world.abstractlen))
TRY(sendmmsg, syscall(SYS_sendmmsg, 3, (char[64]){ 0 }, 0, 0))
TRY(recvmmsg, syscall(SYS_recvmmsg, 3, (char[64]){ 0 }, 0, 0, NULL))
TRY(shutdown, shutdown(3, SHUT_WR))
TRY(peer_name, getpeername(3, (struct sockaddr *)&(struct sockaddr_un){ 0 },
    &(socklen_t){ sizeof(struct sockaddr_un) }))
TRY(no_delay, setsockopt(world.listener, IPPROTO_TCP, TCP_NODELAY,
    &(int){ 1 }, sizeof(int)))
TRY(socket_filter, setsockopt(world.listener, SOL_SOCKET, SO_ATTACH_FILTER,
    (char[16]){ 0 }, 16))
TRY(socket_ulp, setsockopt(world.listener, IPPROTO_TCP, TCP_ULP, "tls", 4))
TRY(socket_device, setsockopt(world.listener, SOL_SOCKET, SO_BINDTODEVICE,
    "lo", 3))
TRY(peer_user, getsockopt(3, SOL_SOCKET, SO_PEERCRED, (int[3]){ 0 },
    &(socklen_t){ 12 }))
TRY(socket_error, getsockopt(3, SOL_SOCKET, SO_ERROR, (int[1]){ 0 },
    &(socklen_t){ 4 }))
TRY(peer_security, getsockopt(3, SOL_SOCKET, SO_PEERSEC, (int[3]){ 0 },
    &(socklen_t){ 12 }))
TRY(ioctl_type, syscall(SYS_ioctl, 0, 0x5412UL, "x"))
TRY(ioctl_read, syscall(SYS_ioctl, 3, 0x541bUL, &(int){ 0 }))

/* A datagram to a name, which no filter sees: the caller says who hears. */
static int
try_sendmsg_name(void)
{
	struct iovec	 iov = { .iov_base = sibling_secret, .iov_len = 1 };
	struct msghdr	 msg = { .msg_name = &world.name, .msg_namelen =
	    sizeof(world.name), .msg_iov = &iov, .msg_iovlen = 1 };

	return (sendmsg(2, &msg, MSG_DONTWAIT) == -1 ? errno : 0);
}

/* processes */
TRY(fork, syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, 0UL))
TRY(clone_user, syscall(SYS_clone, (unsigned long)(CLONE_NEWUSER | SIGCHLD),
    NULL, NULL, NULL, 0UL))
TRY(clone3, syscall(SYS_clone3, (uint64_t[8]){ 0 }, sizeof(uint64_t[8])))
TRY(execve, execve("/bin/true", (char *[]){ NULL }, (char *[]){ NULL }))
TRY(execveat, syscall(SYS_execveat, world.append, "", NULL, NULL,
    AT_EMPTY_PATH))
TRY(ptrace_me, syscall(SYS_ptrace, 0L, 0, NULL, NULL))
TRY(ptrace_attach, syscall(SYS_ptrace, 16L, world.sibling, NULL, NULL))
TRY(vm_read, process_vm_readv(world.sibling, &(struct iovec){ (char[16]){ 0 },
    16 }, 1, &(struct iovec){ sibling_secret, 16 }, 1, 0))
TRY(vm_write, process_vm_writev(world.sibling, &(struct iovec){ (char[16]){
    0 }, 16 }, 1, &(struct iovec){ sibling_secret, 16 }, 1, 0))
TRY(kill, kill(world.sibling, SIGKILL))
TRY(kill_zero, kill(world.sibling, 0))
TRY(kill_all, kill(-1, 0))
TRY(tgkill, syscall(SYS_tgkill, world.sibling, world.sibling, SIGKILL))
TRY(tkill, syscall(SYS_tkill, world.sibling, 0))
TRY(sigqueue, syscall(SYS_rt_sigqueueinfo, world.sibling, 0, NULL))
TRY(pidfd_open, syscall(SYS_pidfd_open, world.sibling, 0))
TRY(pidfd_getfd, syscall(SYS_pidfd_getfd, world.dir, 0, 0))
TRY(pidfd_kill, syscall(SYS_pidfd_send_signal, world.dir, 0, NULL, 0))
TRY(kcmp, syscall(SYS_kcmp, getpid(), world.sibling, 0, 0UL, 0UL))
TRY(unshare, unshare(CLONE_NEWUSER))
TRY(setns, setns(world.dir, 0))
TRY(setuid, syscall(SYS_setuid, 0))
TRY(setresuid, syscall(SYS_setresuid, 0, 0, 0))
TRY(setgid, syscall(SYS_setgid, 0))
TRY(setgroups, syscall(SYS_setgroups, 0, NULL))
TRY(capset, syscall(SYS_capset, (int[2]){ 0x20080522 }, (int[6]){ 0 }))
TRY(dumpable, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
TRY(prctl_name, prctl(PR_SET_NAME, "x", 0, 0, 0))
TRY(seccomp_more, syscall(SYS_seccomp, 1U, 0U, NULL))
TRY(personality, syscall(SYS_personality, 0x0400000UL))
TRY(setrlimit, syscall(SYS_prlimit64, 0, RLIMIT_NPROC, &(struct rlimit){ 1,
    1 }, NULL))
TRY(setpriority, syscall(SYS_setpriority, 0, 0, 5))
TRY(affinity, syscall(SYS_sched_setaffinity, 0, (size_t)8,
    (unsigned long[1]){ 1 }))
TRY(setsid, setsid())
TRY(wait4, syscall(SYS_wait4, -1, NULL, WNOHANG, NULL))
TRY(signalfd, syscall(SYS_signalfd4, -1, (uint64_t[1]){ 0 }, (size_t)8, 0))
TRY(timer, syscall(SYS_timer_create, CLOCK_REALTIME, NULL, &(int){ 0 }))

/* memory */
#define MAP(size, protection)	mmap(NULL, size, protection,		\
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
TRY(map_exec, MAP(4096, PROT_READ | PROT_EXEC) == MAP_FAILED ? -1 : 0)
TRY(map_all, MAP(4096, PROT_READ | PROT_WRITE | PROT_EXEC) == MAP_FAILED ?
    -1 : 0)
TRY(protect_exec, mprotect(MAP(4096, PROT_READ), 4096, PROT_READ | PROT_EXEC))
TRY(protect_write, mprotect(MAP(4096, PROT_READ), 4096, PROT_READ |
    PROT_WRITE))
TRY(protect_key, syscall(SYS_pkey_mprotect, MAP(4096, PROT_READ), 4096UL,
    (unsigned long)PROT_EXEC, 0))
TRY(remap_pages, syscall(SYS_remap_file_pages, NULL, 0UL, 0UL, 0UL, 0UL))
TRY(mlock, mlock(MAP(4096, PROT_READ), 4096))
TRY(mlockall, mlockall(MCL_CURRENT))
TRY(madvise, madvise(MAP(4096, PROT_READ), 4096, MADV_DONTDUMP))
TRY(shmget, syscall(SYS_shmget, 0, (size_t)4096, 01600))
TRY(msgget, syscall(SYS_msgget, 0, 01600))
TRY(semget, syscall(SYS_semget, 0, 1, 01600))
TRY(mq_open, syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, NULL))
TRY(userfaultfd, syscall(SYS_userfaultfd, 1))
TRY(futex_pi, syscall(SYS_futex, &(int){ 0 }, FUTEX_LOCK_PI, 0, NULL, NULL,
    0))
TRY(futex_requeue, syscall(SYS_futex, &(int){ 0 }, FUTEX_CMP_REQUEUE_PI, 1,
    NULL, &(int){ 0 }, 0))

/* the kernel */
TRY(io_uring, syscall(SYS_io_uring_setup, 1, (char[120]){ 0 }))
TRY(bpf, syscall(SYS_bpf, 0, (char[64]){ 0 }, 64))
TRY(keyctl, syscall(SYS_keyctl, 0, -3, 1))
TRY(add_key, syscall(SYS_add_key, "user", "x", "y", (size_t)1, -3))
TRY(request_key, syscall(SYS_request_key, "user", "x", NULL, 0))
TRY(perf_event, syscall(SYS_perf_event_open, (char[128]){ 0 }, 0, -1, -1,
    0UL))
TRY(init_module, syscall(SYS_init_module, NULL, 0UL, ""))
TRY(finit_module, syscall(SYS_finit_module, world.append, "", 0))
TRY(kexec, syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL))
TRY(reboot, syscall(SYS_reboot, 0, 0, 0, NULL))
TRY(syslog, syscall(SYS_syslog, 3, (char[16]){ 0 }, 16))
TRY(acct, syscall(SYS_acct, NULL))
TRY(swapon, syscall(SYS_swapon, "own", 0))
TRY(settime, syscall(SYS_clock_settime, CLOCK_REALTIME, (long[2]){ 0 }))
TRY(sethostname, syscall(SYS_sethostname, "x", (size_t)1))
TRY(landlock, syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1U))
TRY(uname, syscall(SYS_uname, (char[400]){ 0 }))
TRY(pipe, pipe2((int[2]){ 0 }, 0))
TRY(eventfd, syscall(SYS_eventfd2, 0, 0))
TRY(epoll_create, syscall(SYS_epoll_create1, 0))
TRY(timerfd, syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0))
TRY(sleep, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0,
    (long[2]){ 0, 1 }, NULL))
TRY(unknown, syscall(1000L))

#ifdef __x86_64__
TRY(old_open, syscall(SYS_open, world.file, O_RDONLY))
TRY(old_unlink, syscall(SYS_unlink, world.file))
TRY(old_fork, syscall(SYS_fork))
TRY(old_vfork, syscall(SYS_vfork))
TRY(iopl, syscall(SYS_iopl, 3))
TRY(modify_ldt, syscall(SYS_modify_ldt, 0, NULL, 0UL))
TRY(x32, syscall(0x40000000L + SYS_openat, AT_FDCWD, world.file, O_RDONLY))

/* getpid(2) of i386 has the number of writev(2) */
static int
try_i386(void)
{
	long	 ret;

	__asm__ volatile ("int $0x80" : "=a" (ret) : "a" (20L) : "memory");
	return (ret < 0 ? (int)-ret : 0);
}
#endif

/* --- what each may, and must be able to ---------------------------------- */

static int
try_messages(void)
{
	if (send(3, "m", 1, MSG_NOSIGNAL) != 1 || send(2, "6line", 5,
	    MSG_DONTWAIT | MSG_NOSIGNAL) != 5)
		return (errno);
	return (0);
}

static int
try_receive(void)
{
	char	 c;

	return (recv(3, &c, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN ?
	    0 : EINVAL);
}

static int
try_read(void)
{
	char	 c;

	return (read(0, &c, 1) == 0 ? 0 : errno);
}

static int
try_memory(void)
{
	char	*p, *q;

	if ((p = malloc(1 << 20)) == NULL || (q = realloc(p, 1 << 22)) == NULL)
		return (ENOMEM);
	memset(q, 1, 1 << 22);
	free(q);
	return (0);
}

static int
compare(const void *a, const void *b)
{
	return (*(const int *)a - *(const int *)b);
}

/* As libcrypto sorts what a long revocation list holds. */
static int
try_sort(void)
{
	static int	 v[4096];
	int		 i;

	for (i = 0; i < 4096; i++)
		v[i] = (i * 7919) & 4095;
	qsort(v, 4096, sizeof(v[0]), compare);
	return (v[0] == 0 && v[4095] == 4095 ? 0 : EINVAL);
}

static int
try_clocks(void)
{
	long	 t[2];

	return (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, t) == -1 ||
	    syscall(SYS_gettimeofday, t, NULL) == -1 ? errno : 0);
}

static int
try_random(void)
{
	return (arc4random() == arc4random() && arc4random() == 0);
}

static int
try_abort(void)
{
	abort();
}

static int
try_own_file(void)
{
	struct flock	 lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char		 c;
	int		 fd;

	if ((fd = openat(AT_FDCWD, "new", O_RDWR | O_CREAT | O_CLOEXEC,
	    0600)) == -1 || fcntl(fd, F_SETLK, &lock) == -1 ||
	    pwrite(fd, "abc", 3, 0) != 3 || fdatasync(fd) == -1 ||
	    ftruncate(fd, 2) == -1 || pread(fd, &c, 1, 1) != 1 || c != 'b' ||
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	    MAP_FAILED || close(fd) == -1 || unlink("new") == -1)
		return (errno);
	return (0);
}

static int
try_append(void)
{
	struct flock	 lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat	 st;
	char		 c;

	if (fcntl(world.append, F_SETLK, &lock) == -1 ||
	    write(world.append, "line\n", 5) != 5 ||
	    fdatasync(world.append) == -1 ||
	    fstat(world.append, &st) == -1 ||
	    pread(world.append, &c, 1, st.st_size - 1) != 1)
		return (errno);
	return (0);
}

static int
try_poll(void)
{
	struct pollfd	 p = { .fd = 3, .events = POLLOUT };

	return (poll(&p, 1, 0) == 1 ? 0 : EINVAL);
}

static int
try_internet(void)
{
	struct sockaddr_in	 sin = world.tcp;
	int			 fd;

	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1 || sendto(fd, "?", 1, 0, (struct sockaddr *)&sin,
	    sizeof(sin)) != 1)
		return (errno);
	if ((fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)) == -1 ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    send(fd, "?", 1, MSG_NOSIGNAL) != 1)
		return (errno);
	return (0);
}

/* --- the table ----------------------------------------------------------- */

#define EXCEPTIONS	4

struct attempt {
	const char	*name;
	int		(*fn)(void);
	int		 freely;	/* a plain user may, without sandbox */
	/* The first row that fits; else SYS. */
	struct {
		unsigned int	 kinds;
		enum start	 start;
		int		 ends;
	} but[EXCEPTIONS];
};

#define NO(name)	{ #name, try_##name, 0, { { 0, 0, 0 } } }
#define FREE(name)	{ #name, try_##name, 1, { { 0, 0, 0 } } }
#define BUT(name, freely, ...)						\
			{ #name, try_##name, freely, { __VA_ARGS__ } }
/* A file that is not in the directory of a process. */
#define OUTSIDE(name, freely)						\
			BUT(name, freely,				\
			    { FETCHER | MODULE, EITHER, ACCES },	\
			    { DATABASES, CHROOT, NOENT },		\
			    { DATABASES, PLAIN, ACCES })
/* The same, only to be read: no other way is open to who only reads. */
#define READ_OUTSIDE(name, freely)					\
			BUT(name, freely,				\
			    { FETCHER | MODULE, EITHER, ACCES },	\
			    { DATABASES | READS, CHROOT, NOENT },	\
			    { DATABASES | READS, PLAIN, ACCES })
#define MAY(name, kinds)						\
			BUT(name, 1, { kinds, EITHER, WORKS })

static const struct attempt attempts[] = {
	READ_OUTSIDE(open_passwd, 1), READ_OUTSIDE(open_outside, 1),
	OUTSIDE(write_outside, 1), READ_OUTSIDE(climb_outside, 1),
	OUTSIDE(truncate_outside, 1), OUTSIDE(create_outside, 1),
	OUTSIDE(open_mem, 0), OUTSIDE(open_tmpfile, 0), OUTSIDE(creat, 1),
	BUT(unlink_outside, 0, { MODULE, EITHER, ACCES },
	    { DATABASES, CHROOT, NOENT }, { DATABASES, PLAIN, ACCES }),
	BUT(module_read, 1, { MODULE, EITHER, WORKS },
	    { FETCHER, EITHER, ACCES }, { DATABASES | READS, CHROOT, NOENT },
	    { DATABASES | READS, PLAIN, ACCES }),
	OUTSIDE(module_overwrite, 1),
	BUT(module_make, 1, { MODULE, EITHER, WORKS },
	    { FETCHER, EITHER, ACCES }, { DATABASES, CHROOT, NOENT },
	    { DATABASES, PLAIN, ACCES }),
	/* Landlock does not hide that a file is there; chroot does. */
	BUT(stat_outside, 1, { FETCHER, EITHER, ACCES },
	    { MODULE, EITHER, WORKS }, { FILES | READS, CHROOT, NOENT },
	    { FILES | READS, PLAIN, WORKS }),
	MAY(statx, MODULE),
	BUT(access_outside, 1, { MODULE, EITHER, WORKS },
	    { DATABASES, CHROOT, NOENT }, { DATABASES, PLAIN, WORKS }),
	FREE(openat2), BUT(mkdir, 1, { MODULE, EITHER, ACCES }),
	BUT(rename, 1, { MODULE, EITHER, ACCES | OTHER }), FREE(link),
	FREE(symlink), FREE(readlink), FREE(chmod),
	BUT(fchmod, 1, { MODULE, EITHER, ACCES }), NO(chown),
	FREE(truncate), FREE(mknod), FREE(utimes), NO(xattr),
	MAY(getdents, MODULE), FREE(getcwd), FREE(chdir), FREE(fchdir),
	NO(chroot), BUT(chroot_again, 0, { MODULE, EITHER, ACCES }),
	NO(handle),
	NO(name_to_handle), FREE(inotify), NO(fanotify), FREE(memfd_create),
	NO(mount), NO(umount), NO(pivot_root), NO(fsopen), FREE(dup),
	FREE(dup3), FREE(dupfd), FREE(set_owner), NO(set_lease), FREE(notify),
	NO(copy_file_range), NO(sendfile), NO(splice),

	BUT(socket_unix, 1, { MODULE, EITHER, ACCES }),
	MAY(socket_inet, CONNECTS),
	BUT(socket_inet6, 0, { CONNECTS, EITHER, WORKS | OTHER }),
	MAY(socket_udp, CONNECTS), NO(socket_raw), NO(socket_ping),
	NO(socket_sctp), NO(socket_mptcp), FREE(socket_netlink),
	NO(socket_packet), NO(socket_alg), NO(socket_vsock),
	FREE(socketpair), MAY(connect, CONNECTS),
	/* Its log is no datagram socket: EISCONN or the like. */
	BUT(connect_name, 0, { CONNECTS, EITHER, OTHER | NOENT }),
	FREE(bind), FREE(listen), MAY(accept, ACCEPTS),
	BUT(send_name, 0, { CONNECTS, EITHER, WORKS }),
	BUT(send_abstract, 0, { CONNECTS, EITHER, WORKS }),
	BUT(sendmsg_name, 0, { ALL, EITHER, WORKS }),
	NO(sendmmsg), NO(recvmmsg), MAY(shutdown, FRONTS | METRICS),
	MAY(peer_name, CONNECTS), MAY(no_delay, FRONTS | CONNECTS),
	NO(socket_filter), NO(socket_ulp), NO(socket_device),
	MAY(peer_user, KIND(PROC_CONTROL)), MAY(socket_error, CONNECTS),
	NO(peer_security), NO(ioctl_type), FREE(ioctl_read),

	NO(fork), NO(clone_user), NO(clone3), NO(execve), NO(execveat),
	FREE(ptrace_me), NO(ptrace_attach), FREE(vm_read), FREE(vm_write),
	NO(kill), FREE(kill_zero), FREE(kill_all), NO(tgkill), FREE(tkill),
	NO(sigqueue), FREE(pidfd_open), NO(pidfd_getfd), NO(pidfd_kill),
	NO(kcmp), NO(unshare), NO(setns), NO(setuid), NO(setresuid),
	NO(setgid), NO(setgroups), NO(capset), FREE(dumpable),
	FREE(prctl_name), NO(seccomp_more), FREE(personality), NO(setrlimit),
	FREE(setpriority), FREE(affinity), FREE(setsid), NO(wait4),
	FREE(signalfd), FREE(timer),

	FREE(map_exec), FREE(map_all), FREE(protect_exec),
	MAY(protect_write, MAKER | MODULE), NO(protect_key), NO(remap_pages),
	MAY(mlock, MAKER | MODULE), NO(mlockall), MAY(madvise, MAKER),
	NO(shmget),
	NO(msgget), NO(semget), NO(mq_open), NO(userfaultfd),
	FREE(futex_pi), NO(futex_requeue),

	NO(io_uring), NO(bpf), NO(keyctl), NO(add_key), NO(request_key),
	NO(perf_event), NO(init_module), NO(finit_module), NO(kexec),
	NO(reboot), NO(syslog), NO(acct), NO(swapon), NO(settime),
	NO(sethostname), NO(landlock), FREE(uname), FREE(pipe), FREE(eventfd),
	FREE(epoll_create), FREE(timerfd), FREE(sleep), NO(unknown),

#ifdef __x86_64__
	BUT(old_open, 1, { FETCHER, EITHER, ACCES }),
	BUT(old_unlink, 0, { MODULE, EITHER, ACCES },
	    { DATABASES, CHROOT, NOENT }, { DATABASES, PLAIN, ACCES }),
	NO(old_fork), NO(old_vfork), NO(iopl), NO(modify_ldt), NO(x32),
	BUT(i386, 0, { ALL, EITHER, SYS | SEGV }),
#endif

	MAY(read, ALL), MAY(memory, ALL), MAY(sort, ALL), MAY(clocks, ALL),
	MAY(random, ALL), BUT(abort, 0, { ALL, EITHER, ABRT }),
	MAY(messages, ALL), MAY(receive, FRONTS | CONNECTS),
	MAY(poll, FRONTS | CONNECTS),
	BUT(own_file, 1, { DATABASES | MODULE, EITHER, WORKS },
	    { FETCHER, EITHER, ACCES }),
	BUT(own_read, 1, { FILES_OPENED, EITHER, WORKS },
	    { FETCHER, EITHER, ACCES }),
	BUT(own_write, 1, { DATABASES | MODULE, EITHER, WORKS },
	    { FETCHER, EITHER, ACCES }),
	BUT(own_make, 1, { DATABASES | MODULE, EITHER, WORKS },
	    { FETCHER, EITHER, ACCES }),
	MAY(append, FILES), MAY(internet, CONNECTS),
};

#define NATTEMPTS	(sizeof(attempts) / sizeof(attempts[0]))

/* --- the world ----------------------------------------------------------- */

/* Above what a child has at fixed numbers. */
static int
world_fd(int fd)
{
	int	 high;

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE((high = fcntl(fd, F_DUPFD_CLOEXEC, 10)) != -1);
	close(fd);
	return (high);
}

static int
world_name(struct sockaddr_un *sun, socklen_t len)
{
	int	 fd;

	fd = world_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	ATF_REQUIRE(bind(fd, (struct sockaddr *)sun, len) == 0);
	return (fd);
}

static void
world_sockets(void)
{
	socklen_t	 len = sizeof(world.tcp);

	world.name.sun_family = world.abstract.sun_family = AF_UNIX;
	snprintf(world.name.sun_path, sizeof(world.name.sun_path),
	    "%s/out/name", world.top);
	world.heard[0] = world_name(&world.name, sizeof(world.name));
	chmod(world.name.sun_path, 0777);
	snprintf(world.abstract.sun_path + 1,
	    sizeof(world.abstract.sun_path) - 1, "kbsd-sandbox-%d",
	    (int)getpid());
	world.abstractlen = (socklen_t)(offsetof(struct sockaddr_un,
	    sun_path) + 1 + strlen(world.abstract.sun_path + 1));
	world.heard[1] = world_name(&world.abstract, world.abstractlen);
	world.tcp.sin_family = AF_INET;
	world.tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	world.listener = world_fd(socket(AF_INET, SOCK_STREAM |
	    SOCK_NONBLOCK, 0));
	ATF_REQUIRE(bind(world.listener, (struct sockaddr *)&world.tcp,
	    len) == 0);
	ATF_REQUIRE(listen(world.listener, 8) == 0);
	ATF_REQUIRE(getsockname(world.listener, (struct sockaddr *)&world.tcp,
	    &len) == 0);
}

/* The directories of a module: to read, and to write. */
static void
world_module(void)
{
	char	 path[96];
	int	 fd;

	snprintf(path, sizeof(path), "%s/reads", world.top);
	mkdir(path, 0755);
	ATF_REQUIRE(chmod(path, 0755) == 0);
	snprintf(world.reads, sizeof(world.reads), "%s/file", path);
	ATF_REQUIRE((fd = open(world.reads, O_RDWR | O_CREAT, 0666)) != -1);
	ATF_REQUIRE(fchmod(fd, 0666) == 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/writes", world.top);
	mkdir(path, 0777);
	ATF_REQUIRE(chmod(path, 0777) == 0);
	snprintf(world.writes, sizeof(world.writes), "%s/file", path);
}

/* For each attempt anew: what one did must not help or hinder the next. */
static void
world_files(void)
{
	char	 path[128];
	int	 fd;

	mkdir(world.in, 0700);
	ATF_REQUIRE(chmod(world.in, 0700) == 0);
	ATF_REQUIRE(chown(world.in, world.uid, (gid_t)-1) == 0);
	snprintf(path, sizeof(path), "%s/out", world.top);
	mkdir(path, 0777);
	ATF_REQUIRE(chmod(path, 0777) == 0);
	snprintf(world.file, sizeof(world.file), "%s/out/file", world.top);
	ATF_REQUIRE((fd = open(world.file, O_RDWR | O_CREAT, 0666)) != -1);
	ATF_REQUIRE(fchmod(fd, 0666) == 0);
	close(fd);
	world_module();
	snprintf(path, sizeof(path), "%s/own", world.in);
	world.append = world_fd(open(path, O_RDWR | O_APPEND | O_CREAT,
	    0600));
	ATF_REQUIRE(fchown(world.append, world.uid, (gid_t)-1) == 0);
	world.unbound = world_fd(socket(AF_INET, SOCK_STREAM, 0));
}

static void
world_tidy(void)
{
	static const char *const	 made[] = { "in/d", "in/hard",
	    "in/soft", "in/fifo", "in/new", "in/own", "in/x", "out/own",
	    "out/new", "out/file", "reads/file", "writes/file" };
	char				 path[128];
	size_t				 i;

	close(world.append);
	close(world.unbound);
	for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", world.top, made[i]);
		if (unlink(path) == -1 && errno == EISDIR)
			rmdir(path);
	}
}

/* One of the same user, which wants to be dumped and debugged. */
static void
world_sibling(void)
{
	int	 go[2];
	char	 c;

	ATF_REQUIRE(pipe(go) == 0);
	ATF_REQUIRE((world.sibling = fork()) != -1);
	if (world.sibling == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) == -1 ||
		    setresgid(world.uid, world.uid, world.uid) == -1 ||
		    setresuid(world.uid, world.uid, world.uid) == -1))
			_exit(1);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (write(go[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ATF_REQUIRE(read(go[0], &c, 1) == 1);
	close(go[0]);
	close(go[1]);
}

static void
world_make(enum process_kind kind, enum start start)
{
	const char	*tmp = getenv("TMPDIR");

	memset(&world, 0, sizeof(world));
	world.uid = geteuid();
	if (world.uid == 0)
		world.uid = start == PLAIN ? UID_PLAIN :
		    (KIND(kind) & KEYUSER) != 0 ? UID_KEYS : UID_OTHERS;
	/* Not where the test runs: a plain user may not get there. */
	snprintf(world.top, sizeof(world.top), "%.40s/kbsd-box.XXXXXX",
	    tmp != NULL && strlen(tmp) <= 40 ? tmp : "/tmp");
	ATF_REQUIRE(mkdtemp(world.top) != NULL);
	ATF_REQUIRE(chmod(world.top, 0755) == 0);
	snprintf(world.in, sizeof(world.in), "%s/in", world.top);
	world_files();
	world.dir = world_fd(open(world.in, O_RDONLY | O_DIRECTORY));
	world_sockets();
	world_sibling();
}

static void
world_end(void)
{
	char	 path[128];

	kill(world.sibling, SIGKILL);
	waitpid(world.sibling, NULL, 0);
	world_tidy();
	unlink(world.name.sun_path);
	snprintf(path, sizeof(path), "%s/out", world.top);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/reads", world.top);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/writes", world.top);
	rmdir(path);
	rmdir(world.in);
	ATF_CHECK_MSG(rmdir(world.top) == 0, "%s is not empty", world.top);
}

/* --- one attempt --------------------------------------------------------- */

/* What the configuration of a module names. */
static void
child_module(void)
{
	char	 path[128];

	snprintf(path, sizeof(path), "%s/reads", world.top);
	if (sandbox_path(path, 0) == -1)
		_exit(206);
	snprintf(path, sizeof(path), "%s/writes", world.top);
	if (sandbox_path(path, 1) == -1)
		_exit(207);
}

/* As process_confine() and process_limits() do. */
static void
child_confine(enum start start)
{
	struct rlimit	 none = { 0, 0 };
	gid_t		 gid = world.uid;

	if (start == CHROOT && chroot(world.in) == -1)
		_exit(200);
	if (chdir(start == CHROOT ? "/" : world.in) == -1)
		_exit(201);
	if (geteuid() == 0 && (setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 ||
	    setresuid(world.uid, world.uid, world.uid) == -1))
		_exit(202);
	if (setrlimit(RLIMIT_CORE, &none) == -1 ||
	    setrlimit(RLIMIT_NPROC, &none) == -1)
		_exit(203);
}

static enum process_kind
kind_real(enum process_kind kind)
{
	if ((KIND(kind) & READS) != 0)
		return (PROC_FETCHER);
	return (kind >= PROC_MAX ? PROC_KMS : kind);
}

static int
kind_flags(enum process_kind kind)
{
	return (((KIND(kind) & (DATABASES | MODULE)) != 0 ? START_FILES : 0) |
	    ((KIND(kind) & CONNECTS) != 0 ? START_OUTSIDE : 0) |
	    ((KIND(kind) & MODULE) != 0 ? START_MODULE : 0) |
	    ((KIND(kind) & READS) != 0 ? START_READ : 0));
}

static void
child_try(const struct attempt *attempt, enum process_kind kind,
    enum start start, int confined, int edge, int log)
{
	char	 text[128];

	if ((edge = fcntl(edge, F_DUPFD, 100)) == -1 ||
	    (log = fcntl(log, F_DUPFD, 100)) == -1 || dup2(log, 2) == -1 ||
	    dup2(edge, 3) == -1 || close(0) == -1 ||
	    open("/dev/null", O_RDONLY) != 0)
		_exit(204);
	log_init(LOG_TO_STDERR, "child");
	alarm(20);
	if ((KIND(kind) & MODULE) != 0) {
		start = PLAIN;
		child_module();
	}
	child_confine(start);
	if (confined) {
		sandbox_early();
		sandbox_enter(kind_real(kind),
		    kind_flags(kind) | (start == CHROOT ? START_CHROOT : 0),
		    text, sizeof(text));
	}
	/* The parent believes no end that comes before this. */
	if (send(3, "go", 2, MSG_NOSIGNAL) != 2)
		_exit(205);
	_exit(attempt->fn());
}

/* What became of it: SYS, WORKS, ...; *status as waitpid(2) had it. */
static int
attempt_run(const struct attempt *attempt, enum process_kind kind,
    enum start start, int confined, int *status)
{
	char	 go[2];
	pid_t	 pid;
	int	 edge[2], log[2], begun;

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    edge) == 0);
	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    log) == 0);
	fflush(NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		child_try(attempt, kind, start, confined, edge[1], log[1]);
	ATF_REQUIRE(waitpid(pid, status, 0) == pid);
	begun = recv(edge[0], go, 2, MSG_DONTWAIT) == 2;
	close(edge[0]);
	close(edge[1]);
	close(log[0]);
	close(log[1]);
	ATF_REQUIRE_MSG(begun, "%s: no sandbox: status %x", attempt->name,
	    *status);
	if (WIFSIGNALED(*status))
		switch (WTERMSIG(*status)) {
		case SIGSYS:
			return (SYS);
		case SIGABRT:
			return (ABRT);
		case SIGSEGV:
			return (SEGV);
		default:
			return (0);
		}
	switch (WEXITSTATUS(*status)) {
	case 0:
		return (WORKS);
	case EACCES:
		return (ACCES);
	case ENOENT:
		return (NOENT);
	default:
		return (OTHER);
	}
}

static int
attempt_expected(const struct attempt *attempt, enum process_kind kind,
    enum start start)
{
	size_t	 i;

	for (i = 0; i < EXCEPTIONS && attempt->but[i].ends != 0; i++)
		if ((attempt->but[i].kinds & KIND(kind)) != 0 &&
		    (attempt->but[i].start & start) != 0)
			return (attempt->but[i].ends);
	return (SYS);
}

/* A client for who accepts; away with those that were not accepted. */
static int
attempt_client(void)
{
	struct pollfd	 pfd = { .fd = world.listener, .events = POLLIN };
	int		 fd;

	ATF_REQUIRE((fd = socket(AF_INET, SOCK_STREAM, 0)) != -1);
	ATF_REQUIRE(connect(fd, (struct sockaddr *)&world.tcp,
	    sizeof(world.tcp)) == 0);
	/* our end may be up before there is anything to accept */
	ATF_REQUIRE(poll(&pfd, 1, 120000) == 1);
	return (fd);
}

static void
attempt_drain(void)
{
	int	 fd;

	while ((fd = accept(world.listener, NULL, NULL)) != -1)
		close(fd);
}

static void
attempt_check(const struct attempt *attempt, enum process_kind kind,
    enum start start, int confined)
{
	char	 c;
	int	 client, ends, status, i;
	int	 expected = attempt_expected(attempt, kind, start);

	world_tidy();
	world_files();
	client = attempt_client();
	ends = attempt_run(attempt, kind, start, confined, &status);
	if (!confined)
		ATF_CHECK_MSG(ends == WORKS, "%s without sandbox: status %x",
		    attempt->name, status);
	else
		ATF_CHECK_MSG((ends & expected) != 0, "%s by %s: status %x, "
		    "ends %x, expected %x", attempt->name,
		    process_name(kind), status, ends, expected);
	close(client);
	attempt_drain();
	for (i = 0; i < 2; i++)
		ATF_CHECK_MSG(recv(world.heard[i], &c, 1, 0) == -1,
		    "%s by %s was heard under a name", attempt->name,
		    process_name(kind));
	ATF_CHECK_MSG(waitpid(world.sibling, &status, WNOHANG) == 0,
	    "%s by %s ended the sibling", attempt->name, process_name(kind));
}

static void
kind_check(enum process_kind kind, enum start start)
{
	size_t	 i;

#if defined(WITHOUT_SANDBOX) || defined(__SANITIZE_ADDRESS__)
	atf_tc_skip("built without the sandbox");
#endif
	if (start == CHROOT && geteuid() != 0)
		atf_tc_skip("chroot and two users are root's");
	if ((start == PLAIN || (KIND(kind) & MODULE) != 0) &&
	    syscall(SYS_landlock_create_ruleset, NULL, 0, 1U) <= 0)
		atf_tc_skip("no Landlock here: kbsd would not start");
	world_make(kind, start);
	for (i = 0; i < NATTEMPTS; i++)
		attempt_check(&attempts[i], kind, start, 1);
	printf("%zu attempts\n", NATTEMPTS);
	world_end();
}

/* --- the cases ----------------------------------------------------------- */

/* What the sandbox is to stop does work without it, or it proves nothing. */
ATF_TC_WITHOUT_HEAD(nothing);
ATF_TC_BODY(nothing, tc)
{
	size_t	 i;

	world_make(PROC_STORE, PLAIN);
	for (i = 0; i < NATTEMPTS; i++)
		if (attempts[i].freely)
			attempt_check(&attempts[i], PROC_STORE, PLAIN, 0);
	world_end();
}

#define KINDS(X)							\
	X(frontend, PROC_FRONTEND) X(gate, PROC_GATE)			\
	X(control, PROC_CONTROL) X(signer, PROC_SIGNER)			\
	X(auth, PROC_AUTH) X(hasher, PROC_HASHER)			\
	X(broker, PROC_BROKER) X(store, PROC_STORE)			\
	X(audit, PROC_AUDIT) X(verifier, PROC_VERIFIER)			\
	X(fetcher, PROC_FETCHER) X(engine, PROC_ENGINE)			\
	X(maker, PROC_MAKER) X(kms, PROC_KMS)				\
	X(kms_outside, PROC_KMS_OUTSIDE) X(kms_module, PROC_KMS_MODULE)	\
	X(fetcher_reads, PROC_FETCHER_READS) X(metrics, PROC_METRICS)

#define CASE(name, kind)						\
ATF_TC(root_##name);							\
ATF_TC_HEAD(root_##name, tc)						\
{									\
	atf_tc_set_md_var(tc, "descr", "started by root: chroot, user");\
	atf_tc_set_md_var(tc, "require.user", "root");			\
}									\
ATF_TC_BODY(root_##name, tc)						\
{									\
	kind_check(kind, CHROOT);					\
}									\
ATF_TC(plain_##name);							\
ATF_TC_HEAD(plain_##name, tc)						\
{									\
	atf_tc_set_md_var(tc, "descr", "started by a plain user");	\
}									\
ATF_TC_BODY(plain_##name, tc)						\
{									\
	kind_check(kind, PLAIN);					\
}
KINDS(CASE)

/* Each kind of process has its cases. */
ATF_TC_WITHOUT_HEAD(all);
ATF_TC_BODY(all, tc)
{
#define COUNT(name, kind)	+ 1
	ATF_CHECK_EQ(PROC_MAX + 2, 0 KINDS(COUNT));
}

#define ADD(name, kind)							\
	ATF_TP_ADD_TC(tp, root_##name);					\
	ATF_TP_ADD_TC(tp, plain_##name);

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, all);
	ATF_TP_ADD_TC(tp, nothing);
	KINDS(ADD)
	return (atf_no_error());
}
