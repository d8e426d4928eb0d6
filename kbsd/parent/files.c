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
 * What the parent opens for its children: directories, secret files, sockets.
 * Children get descriptors; the parent reads none of the secrets.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

static int
user_find(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd	*pw;

	if ((pw = getpwnam(name)) == NULL) {
		log_warnx("user %s does not exist: make it with `useradd "
		    "--system --no-create-home --shell /usr/sbin/nologin %s', "
		    "or start kbsd as a plain user", name, name);
		return (-1);
	}
	if (pw->pw_uid == 0) {
		log_warnx("user %s must not be root", name);
		return (-1);
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return (0);
}

int
users_find(const struct config *conf, struct users *users)
{
	memset(users, 0, sizeof(*users));
	users->uid = users->keyuid = getuid();
	users->gid = users->keygid = getgid();
	if (geteuid() != 0)
		return (0);
	users->drop = 1;
	if (user_find(conf->user, &users->uid, &users->gid) == -1 ||
	    user_find(conf->keyuser, &users->keyuid, &users->keygid) == -1)
		return (-1);
	if (users->uid == users->keyuid) {
		log_warnx("user and keyuser must be two users");
		return (-1);
	}
	return (0);
}

const char *
files_path(const struct config *conf, const char *fmt, ...)
{
	static char	 path[PATH_MAX];
	char		 name[NAME_MAX + 1];
	va_list		 ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	snprintf(path, sizeof(path), "%.3000s/%s", conf->directory, name);
	return (path);
}

/* All of a path, as mkdir -p does. */
static int
make_parents(const char *path, mode_t mode)
{
	char	 part[PATH_MAX], *p;

	strlcpy(part, path, sizeof(part));
	for (p = part + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		if (mkdir(part, mode) == -1 && errno != EEXIST)
			return (-1);
	}
	return (0);
}

static int
make_directory(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat	 st;

	if (mkdir(path, mode) == -1 && errno != EEXIST) {
		log_warn("mkdir %s", path);
		return (-1);
	}
	if (lstat(path, &st) == -1 || !S_ISDIR(st.st_mode)) {
		log_warnx("%s is no directory", path);
		return (-1);
	}
	/*
	 * Root without CAP_FOWNER changes the mode of its own only, and one
	 * without CAP_DAC_OVERRIDE needs the group's way in.
	 */
	if ((st.st_mode & 07777) != mode) {
		if ((st.st_uid != geteuid() && chown(path, geteuid(),
		    (gid_t)-1) == -1) || chmod(path, mode) == -1) {
			log_warn("chmod %s", path);
			return (-1);
		}
		st.st_uid = geteuid();
	}
	if ((st.st_uid != uid || st.st_gid != gid) &&
	    chown(path, uid, gid) == -1) {
		log_warn("chown %s", path);
		return (-1);
	}
	return (0);
}

int
files_private(const char *path)
{
	if (make_parents(path, 0755) == -1) {
		log_warn("mkdir %s", path);
		return (-1);
	}
	return (make_directory(path, 0700, geteuid(), getegid()));
}

int
files_write(const char *path, const void *data, size_t len, mode_t mode)
{
	char	 fresh[PATH_MAX];
	int	 fd;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >=
	    (int)sizeof(fresh))
		return (-1);
	(void)unlink(fresh);
	if ((fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    mode)) == -1)
		return (-1);
	if (fchmod(fd, mode) == -1 || write(fd, data, len) != (ssize_t)len ||
	    fsync(fd) == -1) {
		close(fd);
		return (-1);
	}
	close(fd);
	return (rename(fresh, path));
}

/* The operator's, who fills it: it is only looked whether it is there. */
static int
files_collateral(const struct config *conf)
{
	const struct attestation	*a;
	struct stat			 st;

	TAILQ_FOREACH(a, &conf->attestations, entry) {
		if (a->collateral_dir == NULL)
			continue;
		if (stat(a->collateral_dir, &st) == -1) {
			log_warn("%s", a->collateral_dir);
			return (-1);
		}
		if (!S_ISDIR(st.st_mode)) {
			log_warnx("%s is no directory", a->collateral_dir);
			return (-1);
		}
	}
	return (0);
}

int
files_prepare(const struct config *conf, const struct users *users)
{
	const struct keystore	*k;
	uid_t			 me = geteuid();
	gid_t			 my = getegid();
	mode_t			 mode = users->drop ? 0710 : 0700;

	if (make_parents(conf->directory, 0755) == -1) {
		log_warn("mkdir %s", conf->directory);
		return (-1);
	}
	/* Others may pass through it to their own directory, not look. */
	if (make_directory(conf->directory, users->drop ? 0711 : 0700, me,
	    my) == -1 ||
	    make_directory(files_path(conf, "empty"), 0555, me, my) == -1 ||
	    make_directory(files_path(conf, "keys"), 0700, me, my) == -1 ||
	    make_directory(files_path(conf, "store"), mode, users->keyuid,
	    my) == -1)
		return (-1);
	TAILQ_FOREACH(k, &conf->keystores, entry)
		if (make_directory(files_path(conf, "kms-%s", k->name), mode,
		    users->keyuid, my) == -1)
			return (-1);
	return (files_collateral(conf));
}

static int
files_open(const char *path, int flags, mode_t forbidden, const char *what)
{
	struct stat	 st;
	int		 fd;

	fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (fd == -1) {
		log_warn("%s", path);
		return (-1);
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		log_warnx("%s is no regular file", path);
		goto fail;
	}
	if ((st.st_mode & forbidden) != 0) {
		log_warnx("%s: others may %s it: chmod 600 it", path, what);
		goto fail;
	}
	if (st.st_uid != geteuid() && st.st_uid != 0) {
		log_warnx("%s belongs to another user", path);
		goto fail;
	}
	return (fd);
fail:
	close(fd);
	return (-1);
}

/* A file that is not there is empty too. */
int
files_empty(const char *path)
{
	struct stat	 st;

	return (stat(path, &st) == -1 ? errno == ENOENT : st.st_size == 0);
}

int
files_secret(const char *path, int make)
{
	const char	*name = credential_name(path);

	if (name != NULL)
		return (credential_open(name));
	return (files_open(path, make ? O_RDWR | O_CREAT | O_NOFOLLOW :
	    O_RDONLY, S_IRWXG | S_IRWXO, "read or write"));
}

int
files_credential(const char *path)
{
	return (files_open(path, O_RDONLY, S_IWGRP | S_IRWXO, "read or "
	    "write"));
}

int
files_public(const char *path)
{
	return (files_open(path, O_RDONLY, S_IWGRP | S_IWOTH, "write"));
}

int
files_append(const char *path)
{
	return (files_open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW,
	    S_IWGRP | S_IRWXO, "write"));
}

/* One that was handed over, or our own. */
static int
listener_socket(const struct addrinfo *res)
{
	const struct addrinfo	*ai;
	int			 fd = -1, on = 1, saved = 0;

	for (ai = res; ai != NULL; ai = ai->ai_next)
		if ((fd = inherit_find(ai->ai_addr, ai->ai_addrlen)) != -1)
			return (fd);
	for (ai = res; ai != NULL && fd == -1; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, 0);
		if (fd != -1 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
		    sizeof(on)) == 0 &&
		    bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
			break;
		saved = errno;
		if (fd != -1)
			close(fd);
		fd = -1;
	}
	errno = saved;
	return (fd);
}

static int
listener_bind(struct listener *l)
{
	struct addrinfo	 hints, *res;
	int		 error, saved;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
	error = getaddrinfo(strcmp(l->address, "*") == 0 ? NULL : l->address,
	    l->port, &hints, &res);
	if (error != 0) {
		log_warnx("listen on %s: %s", l->address,
		    gai_strerror(error));
		return (-1);
	}
	l->fd = listener_socket(res);
	saved = errno;
	freeaddrinfo(res);
	if (l->fd != -1)
		return (0);
	errno = saved;
	log_warn("listen on %s port %s", l->address, l->port);
	return (-1);
}

int
files_listen(struct config *conf, const struct config *old)
{
	struct listener		*l;
	const struct listener	*o;

	TAILQ_FOREACH(l, &conf->listeners, entry) {
		if (old != NULL)
			TAILQ_FOREACH(o, &old->listeners, entry)
				if (l->fd == -1 && strcmp(l->address,
				    o->address) == 0 && strcmp(l->port,
				    o->port) == 0)
					l->fd = fcntl(o->fd, F_DUPFD_CLOEXEC,
					    0);
		if (l->fd == -1 && listener_bind(l) == -1)
			return (-1);
	}
	return (0);
}

/* A socket file that nobody listens on is a dead one's: it may go. */
static int
control_unused(const struct sockaddr_un *sun)
{
	int	 fd, ret;

	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	ret = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
	close(fd);
	if (ret == 0) {
		log_warnx("%s: a kbsd is running already", sun->sun_path);
		return (-1);
	}
	if (errno == ECONNREFUSED && unlink(sun->sun_path) == -1) {
		log_warn("unlink %s", sun->sun_path);
		return (-1);
	}
	return (0);
}

static int
control_mode(const struct config *conf)
{
	struct group	*gr;

	if (conf->control_group == NULL)
		return (0);
	if ((gr = getgrnam(conf->control_group)) == NULL) {
		log_warnx("control socket: group %s does not exist",
		    conf->control_group);
		return (-1);
	}
	if (chown(conf->control_path, (uid_t)-1, gr->gr_gid) == -1 ||
	    chmod(conf->control_path, 0660) == -1) {
		log_warn("%s", conf->control_path);
		return (-1);
	}
	return (0);
}

int
files_control(const struct config *conf, const struct users *users)
{
	struct sockaddr_un	 sun;
	mode_t			 old;
	int			 fd;

	(void)users;
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, conf->control_path,
	    sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		log_warnx("control socket: %s is too long",
		    conf->control_path);
		return (-1);
	}
	fd = inherit_find((const struct sockaddr *)&sun, sizeof(sun));
	if (fd != -1)
		return (fd);
	if (make_parents(conf->control_path, 0755) == -1) {
		log_warn("mkdir for %s", conf->control_path);
		return (-1);
	}
	if (control_unused(&sun) == -1)
		return (-1);
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0)) == -1) {
		log_warn("socket");
		return (-1);
	}
	old = umask(0177);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		log_warn("bind %s", conf->control_path);
		umask(old);
		close(fd);
		return (-1);
	}
	umask(old);
	if (control_mode(conf) == -1) {
		close(fd);
		return (-1);
	}
	return (fd);
}
