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
 * The kernel's side of configfs-tsm, and Gramine's of /dev/attestation, for
 * tests: real files in a real directory tree, and here what no file system
 * does by itself.  A directory made in the tree's tsm/report is born with its
 * attributes and goes together with them; what is written is looked at when
 * the file is closed; a read of outblob has the report made.  It is linked
 * into a test program or preloaded into kbsget, and works on the tree that
 * TEE_TREE names.  The rest of the environment says how it behaves:
 *
 *	TEE_PROVIDER	of the kernel, unset: there is no driver
 *	TEE_COMMAND	makes outblob or quote of the report data
 *	TEE_AUXBLOB	a file: the certificate table; unset: no such attribute
 *	TEE_FLOOR	privlevel_floor; unset: none
 *	TEE_FAULT	NAME,ERRNO,COUNT: so many reads of NAME fail
 *	TEE_WRITER	for so many reports somebody else writes, too
 *	TEE_STALL	a read of outblob makes this file and never returns
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TREE_REPORTS	"/sys/kernel/config/tsm/report/"
#define TREE_GRAMINE	"/dev/attestation/"

/* As fortified programs call read(2). */
ssize_t	 __read_chk(int, void *, size_t, size_t);

static const char *const tree_attributes[] = {
	"auxblob", "generation", "inblob", "outblob", "privlevel",
	"privlevel_floor", "provider",
};

/* What the path has behind TEE_TREE and where, or NULL. */
static const char *
tree_path(const char *path, const char *where)
{
	const char	*tree = getenv("TEE_TREE");
	size_t		 len;

	if (tree == NULL || strncmp(path, tree, len = strlen(tree)) != 0 ||
	    strncmp(path + len, where, strlen(where)) != 0)
		return (NULL);
	return (path + len + strlen(where));
}

/* The file's directory and name, when it is one of the tree's. */
static const char *
tree_file(int fd, char dir[PATH_MAX])
{
	char	 link[64], *name;
	ssize_t	 n;
	int	 error = errno;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = getenv("TEE_TREE") == NULL ? -1 :
	    readlink(link, dir, PATH_MAX - 1);
	errno = error;
	if (n == -1)
		return (NULL);
	dir[n] = '\0';
	if ((tree_path(dir, TREE_REPORTS) == NULL &&
	    tree_path(dir, TREE_GRAMINE) == NULL) ||
	    (name = strrchr(dir, '/')) == NULL)
		return (NULL);
	*name = '\0';
	return (name + 1);
}

static void
tree_write(const char *dir, const char *name, const char *text)
{
	char	 path[PATH_MAX];
	FILE	*f;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    sizeof(path) || (f = fopen(path, "w")) == NULL)
		abort();
	fputs(text, f);
	fclose(f);
}

/* A number of the environment; one less when it is taken. */
static int
tree_count(const char *name, int take)
{
	const char	*text = getenv(name);
	char		 less[16];
	int		 n = text == NULL ? 0 : atoi(text);

	if (take && n > 0) {
		(void)snprintf(less, sizeof(less), "%d", n - 1);
		setenv(name, less, 1);
	}
	return (n);
}

static void
tree_generation(const char *dir)
{
	char	 path[PATH_MAX], text[32] = "";
	FILE	*f;

	if ((size_t)snprintf(path, sizeof(path), "%s/generation", dir) >=
	    sizeof(path) || (f = fopen(path, "r")) == NULL ||
	    fgets(text, sizeof(text), f) == NULL)
		abort();
	fclose(f);
	(void)snprintf(text, sizeof(text), "%d\n", atoi(text) + 1);
	tree_write(dir, "generation", text);
}

/* Of inblob or user_report_data, by the command of the test. */
static void
tree_make(const char *dir, const char *from, const char *to)
{
	const char	*command = getenv("TEE_COMMAND");
	char		 line[3 * PATH_MAX];

	if (command == NULL)
		command = "printf Q; cat";
	(void)snprintf(line, sizeof(line), "unset LD_PRELOAD TEE_TREE; "
	    "{ %s; } <%s/%s >%s/%s", command, dir, from, dir, to);
	if (system(line) == -1)
		abort();
}

static int
tree_fault(const char *name)
{
	const char	*text = getenv("TEE_FAULT");
	char		 which[32], less[64];
	int		 error, count;

	if (text == NULL || sscanf(text, "%31[^,],%d,%d", which, &error,
	    &count) != 3 || strcmp(which, name) != 0 || count == 0)
		return (0);
	(void)snprintf(less, sizeof(less), "%s,%d,%d", which, error,
	    count - 1);
	setenv("TEE_FAULT", less, 1);
	errno = error;
	return (-1);
}

int
mkdir(const char *path, mode_t mode)
{
	const char	*text;

	if (tree_path(path, TREE_REPORTS) == NULL)
		return ((int)syscall(SYS_mkdirat, AT_FDCWD, path, mode));
	if ((text = getenv("TEE_PROVIDER")) == NULL) {
		errno = ENXIO;
		return (-1);
	}
	if (syscall(SYS_mkdirat, AT_FDCWD, path, mode) == -1)
		return (-1);
	tree_write(path, "provider", text);
	tree_write(path, "generation", "0\n");
	tree_write(path, "inblob", "");
	tree_write(path, "outblob", "");
	if (getenv("TEE_AUXBLOB") != NULL)
		tree_write(path, "auxblob", "");
	if ((text = getenv("TEE_FLOOR")) != NULL) {
		tree_write(path, "privlevel_floor", text);
		tree_write(path, "privlevel", "");
	}
	return (0);
}

int
rmdir(const char *path)
{
	char	 name[PATH_MAX];
	size_t	 i;

	if (tree_path(path, TREE_REPORTS) != NULL)
		for (i = 0; i < sizeof(tree_attributes) /
		    sizeof(tree_attributes[0]); i++) {
			(void)snprintf(name, sizeof(name), "%s/%s", path,
			    tree_attributes[i]);
			(void)unlink(name);
		}
	return ((int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
}

/* What the kernel does at the first read of a report. */
static void
tree_read(const char *dir, const char *name)
{
	const char	*stall = getenv("TEE_STALL"), *aux;
	char		 line[3 * PATH_MAX];

	if (strcmp(name, "quote") == 0)
		tree_make(dir, "user_report_data", "quote");
	if (strcmp(name, "outblob") != 0)
		return;
	if (stall != NULL) {
		tree_write(".", stall, "");
		for (;;)
			pause();
	}
	tree_make(dir, "inblob", "outblob");
	if (tree_count("TEE_WRITER", 1) > 0)
		tree_generation(dir);
	if ((aux = getenv("TEE_AUXBLOB")) == NULL)
		return;
	(void)snprintf(line, sizeof(line), "unset LD_PRELOAD TEE_TREE; "
	    "cat '%s' >%s/auxblob", aux, dir);
	if (system(line) == -1)
		abort();
}

int
openat(int at, const char *path, int flags, ...)
{
	char		 dir[PATH_MAX];
	const char	*name;
	va_list		 ap;
	mode_t		 mode = 0;
	int		 fd;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	fd = (int)syscall(SYS_openat, at, path, flags, mode);
	if (fd != -1 && (flags & O_ACCMODE) == O_RDONLY &&
	    (name = tree_file(fd, dir)) != NULL)
		tree_read(dir, name);
	return (fd);
}

ssize_t
read(int fd, void *buf, size_t len)
{
	char		 dir[PATH_MAX];
	const char	*name = tree_file(fd, dir);

	if (name != NULL && tree_fault(name) == -1)
		return (-1);
	return (syscall(SYS_read, fd, buf, len));
}

ssize_t
__read_chk(int fd, void *buf, size_t len, size_t size)
{
	if (len > size)
		abort();
	return (read(fd, buf, len));
}

/* Here a kernel takes what was written; errors of that reach nobody. */
int
close(int fd)
{
	char		 dir[PATH_MAX];
	const char	*name = tree_file(fd, dir);
	int		 writes;

	writes = name != NULL && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
	if (writes && (strcmp(name, "inblob") == 0 ||
	    strcmp(name, "privlevel") == 0))
		tree_generation(dir);
	return ((int)syscall(SYS_close, fd));
}
