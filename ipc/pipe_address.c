/* SPDX-License-Identifier: MIT
 *
 * pipe_address.c -- addresses as texts, and the files of unix sockets.
 *
 * A socket whose listener has died leaves its file, and bind(2) finds the place taken. Whether somebody listens there,
 * a connection attempt says. But between that answer and the removal another may have taken the place, or be about to
 * (bound, not listening yet). So all of it is done under a lock on the directory, flock(2), which the kernel lets go of
 * when its holder dies. It is for those who start at the same time: who cannot have it within LOCK_TRIES ms, because
 * somebody sits on it, goes on without.
 */
#include "pipe_parts.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weft/io.h>
#include <weft/socket.h>

enum { LOCK_TRIES = 100 };

/* ---- Texts ---- */

static int parse_unix(const char *text, struct weft__address *ret)
{
	size_t n = strlen(text);

	if (!n || (*text == '@' && n == 1))
		return -EINVAL;
	if (n >= sizeof ret->un.sun_path)
		return -ENAMETOOLONG;
	ret->is_unix = true;
	ret->un = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret->un.sun_path, text, n);
	ret->un_size = sizeof ret->un;
	if (*text == '@') { /* a name is as long as it is, without a NUL */
		ret->un.sun_path[0] = 0;
		ret->un_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	}
	return 0;
}

static int parse_tcp(const char *text, struct weft__address *ret)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	uint64_t port;
	int err;

	if (!n)
		return -EINVAL;
	if (*text == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return -EINVAL;
	}
	if (!n)
		return -EINVAL;
	if (n >= sizeof ret->host)
		return -ENAMETOOLONG;
	err = weft__parse_u64(colon + 1, strlen(colon + 1), 0, 65535, &port);
	if (err)
		return err;
	memcpy(ret->host, text, n);
	snprintf(ret->port, sizeof ret->port, "%u", (unsigned)port);
	return 0;
}

int weft__address_parse(const char *text, struct weft__address *ret)
{
	memset(ret, 0, sizeof *ret);
	if (!strncmp(text, "unix:", 5))
		return parse_unix(text + 5, ret);
	if (!strncmp(text, "tcp:", 4))
		return parse_tcp(text + 4, ret);
	return -EINVAL;
}

bool weft__address_has_path(const struct weft__address *a)
{
	return a->is_unix && a->un.sun_path[0];
}

int weft__address_resolve(const struct weft__address *a, bool to_listen, struct addrinfo **ret)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICSERV | (to_listen ? AI_PASSIVE : 0)};

	return weft_getaddrinfo(a->host, a->port, &hints, ret);
}

/* ---- Files ---- */

/* The directory's lock: to be closed; -1: go without. */
static int lock_directory(const struct weft__address *a)
{
	char path[sizeof a->un.sun_path];
	char *slash;
	int fd;

	memcpy(path, a->un.sun_path, sizeof path);
	slash = strrchr(path, '/');
	if (slash)
		slash[slash == path] = 0;
	fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && i < LOCK_TRIES; i++)
		weft_sleep(WEFT_MS(1));
	return fd;
}

static void unlock_directory(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Has a listener that is no more left its file there? */
static bool is_left_over(const struct weft__address *a)
{
	struct stat st;
	int fd;
	bool refused;

	if (lstat(a->un.sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)&a->un, a->un_size) && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static int bind_to(int fd, const struct weft__address *a)
{
	const struct sockaddr *where = (const struct sockaddr *)&a->un;

	/* The file gets the mode of the socket: so it is never there with another. */
	if (fchmod(fd, 0600))
		return -errno;
	if (!bind(fd, where, a->un_size))
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!weft__address_has_path(a) || !is_left_over(a))
		return -EADDRINUSE;
	if (unlink(a->un.sun_path) && errno != ENOENT)
		return -errno;
	return bind(fd, where, a->un_size) ? -errno : 0;
}

static int bind_and_listen(int fd, const struct weft__address *a, struct weft__file *ret_file)
{
	struct stat st = {0};
	int err = bind_to(fd, a);

	if (err)
		return err;
	if (listen(fd, WEFT__BACKLOG))
		return -errno;
	if (weft__address_has_path(a) && lstat(a->un.sun_path, &st))
		return -errno;
	*ret_file = (struct weft__file){.dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

int weft__unix_listen(const struct weft__address *a, struct weft__file *ret_file)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int lock, err;

	if (fd < 0)
		return -errno;
	lock = weft__address_has_path(a) ? lock_directory(a) : -1;
	err = bind_and_listen(fd, a, ret_file);
	unlock_directory(lock);
	if (!err)
		return fd;
	close(fd);
	return err;
}

void weft__unix_remove(const struct weft__address *a, const struct weft__file *file)
{
	struct stat st;
	int lock;

	if (!weft__address_has_path(a))
		return;
	lock = lock_directory(a);
	if (!lstat(a->un.sun_path, &st) && st.st_dev == file->dev && st.st_ino == file->ino)
		unlink(a->un.sun_path);
	unlock_directory(lock);
}

bool weft__unix_is_ours(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) && (!peer.uid || peer.uid == geteuid());
}
