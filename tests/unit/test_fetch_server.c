/* SPDX-License-Identifier: MIT
 *
 * The server of examples/fetch.c and guests that do not say what they want: it has patience with them for a while,
 * and keeps nothing of them. (What it answers to the others, tests/examples/test_fetch.sh tests.)
 */
#include "fetch_server.h"

#include "harness.h"

static int visit(const struct server *s, const char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((uint16_t)s->port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE_EQ(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	REQUIRE_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	return fd;
}

TEST(who_asks_for_nothing_is_sent_away)
{
	struct server server;
	int silent, half;
	char c;

	REQUIRE_EQ(server_start(&server, 0, WEFT_MS(20)), 0);
	silent = visit(&server, "");
	half = visit(&server, "GET / HTTP/1.1\r\n");
	CHECK_EQ(recv(silent, &c, 1, 0), 0);
	CHECK_EQ(recv(half, &c, 1, 0), 0);
	server_end(&server);
	close(silent), close(half);
}

/* A descriptor that is left fails the test, and memory, under the sanitizer. */
TEST(nothing_is_left_of_guests_when_it_ends)
{
	static const char *const texts[] = {"", "GET /sl", "GET /slow HTTP/1.1\r\n\r\n",
					    "GET /late HTTP/1.1\r\n\r\n"};
	struct server server;
	int fd[12];

	REQUIRE_EQ(server_start(&server, WEFT_SECONDS(60), WEFT_SECONDS(60)), 0);
	for (int i = 0; i < 12; i++)
		fd[i] = visit(&server, texts[i % 4]);
	close(fd[0]), close(fd[5]); /* out of the middle of the line */
	test_sleep_ms(5);
	server_end(&server);
	for (int i = 0; i < 12; i++)
		if (i != 0 && i != 5)
			close(fd[i]);
}

static size_t answer_size(int fd, size_t wanted)
{
	char text[3 * SERVER_BODY];

	return (size_t)recv(fd, text, wanted, MSG_WAITALL);
}

/* Two requests in a row, and one that comes while another waits for its answer: all over one connection. */
TEST(a_connection_is_kept)
{
	static const char ask[] = "GET / HTTP/1.1\r\n\r\n", last[] = "GET / HTTP/1.0\r\n\r\n";
	const size_t whole = strlen("HTTP/1.1 200 OK\r\nContent-Length: 8192\r\n\r\n") + SERVER_BODY;
	struct server server;
	int fd;
	char c;

	REQUIRE_EQ(server_start(&server, WEFT_MS(20), WEFT_SECONDS(60)), 0);
	fd = visit(&server, ask);
	CHECK_EQ(answer_size(fd, whole), whole);
	REQUIRE(send(fd, ask, strlen(ask), MSG_NOSIGNAL) > 0);
	test_sleep_ms(5);
	REQUIRE(send(fd, last, strlen(last), MSG_NOSIGNAL) > 0);
	CHECK_EQ(answer_size(fd, whole), whole);
	CHECK_EQ(answer_size(fd, whole), whole);
	while (recv(fd, &c, 1, 0) > 0)
		;
	CHECK_EQ(recv(fd, &c, 1, 0), 0); /* HTTP/1.0: no more */
	server_end(&server);
	close(fd);
}
