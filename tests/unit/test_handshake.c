/* SPDX-License-Identifier: MIT
 *
 * test_handshake.c -- who the other side is: both sides in turns, in one thread, over a pair of sockets.
 */
#include "pipe_kit.h"

#include <poll.h>
#include <sys/resource.h>

static struct weft__handshake connector, listener;
static int fd[2]; /* connector's, listener's */

static const uint8_t *key_of(const char *secret, uint8_t place[SECRET_KEY_SIZE])
{
	if (!secret)
		return NULL;
	REQUIRE_EQ(weft__secret_key(secret, strlen(secret), place), 0);
	return place;
}

static void begin(const char *of_connector, const char *of_listener)
{
	uint8_t key[SECRET_KEY_SIZE];

	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	weft__handshake_begin(&connector, false, key_of(of_connector, key), 1000);
	weft__handshake_begin(&listener, true, key_of(of_listener, key), 2000);
}

static void end(void)
{
	close(fd[0]);
	close(fd[1]);
}

/* Both, until neither goes on. */
static void run(int ret[2])
{
	short events;

	ret[0] = ret[1] = -EAGAIN;
	for (int i = 0; i < 8; i++) {
		if (ret[0] == -EAGAIN)
			ret[0] = weft__handshake_step(&connector, fd[0], &events);
		if (ret[0] && ret[0] != -EAGAIN)
			shutdown(fd[0], SHUT_RDWR);
		if (ret[1] == -EAGAIN)
			ret[1] = weft__handshake_step(&listener, fd[1], &events);
		if (ret[1] && ret[1] != -EAGAIN)
			shutdown(fd[1], SHUT_RDWR);
	}
}

static void check_result(const char *of_connector, const char *of_listener, int err_c, int err_l)
{
	int err[2];

	begin(of_connector, of_listener);
	run(err);
	CHECK_EQ(err[0], err_c);
	CHECK_EQ(err[1], err_l);
	end();
}

TEST(who_has_the_same_secret_is_let_in)
{
	check_result("key", "key", 0, 0);
	check_result(NULL, NULL, 0, 0);
	begin("key", "key");
	run((int[2]){0});
	CHECK_EQ(connector.message_size_out, 2000);
	CHECK_EQ(listener.message_size_out, 1000);
	end();
}

TEST(who_has_another_or_none_is_refused)
{
	check_result("key", "kez", -EACCES, -EACCES);
	check_result("key", "keyy", -EACCES, -EACCES);
	check_result("key", NULL, -EACCES, -EACCES);
	check_result(NULL, "key", -EACCES, -EACCES);
}

/* HMAC-SHA-256 over a key of SHA-256("abc"), and SHA-256("abc") itself: FIPS 180-2, and python3 -c 'import hmac,hashlib;
 * print(hmac.new(hashlib.sha256(b"abc").digest(), b"what do ya want for nothing?", "sha256").hexdigest())'. */
TEST(the_hash_is_the_standard_one)
{
	static const uint8_t sha[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
					0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
					0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	static const uint8_t hmac[32] = {0x32, 0x4c, 0x03, 0x64, 0xb6, 0xf4, 0x8b, 0x5c, 0x0a, 0x2b, 0xb2,
					 0xfd, 0xa3, 0x0e, 0xa5, 0xf1, 0xc6, 0x26, 0xf6, 0x52, 0xc8, 0x02,
					 0xb9, 0xdb, 0xd2, 0x57, 0x69, 0x9f, 0x2d, 0x0b, 0x4e, 0x91};
	static const char text[] = "what do ya want for nothing?";
	uint8_t key[SECRET_KEY_SIZE], mac[SECRET_MAC_SIZE];

	REQUIRE_EQ(weft__secret_key("abc", 3, key), 0);
	CHECK(!memcmp(key, sha, sizeof sha));
	weft__secret_mac(key, text, strlen(text), mac);
	CHECK(!memcmp(mac, hmac, sizeof hmac));
	CHECK(weft__secret_verify(key, text, strlen(text), mac));
	for (int i = 0; i < SECRET_MAC_SIZE * 8; i++) {
		mac[i / 8] ^= (uint8_t)(1 << i % 8);
		CHECK(!weft__secret_verify(key, text, strlen(text), mac));
		mac[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* One who says nothing but what was said to him. */
static int reflect(struct weft__handshake *h, int its, int mine)
{
	short events;
	int err = -EAGAIN;

	for (int i = 0; i < 8 && err == -EAGAIN; i++) {
		uint8_t bytes[256];
		ssize_t n;

		err = weft__handshake_step(h, its, &events);
		n = recv(mine, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0)
			kit_put(mine, bytes, (size_t)n);
		else if (err == -EAGAIN)
			shutdown(mine, SHUT_WR); /* it waits for what it will not say itself */
	}
	return err;
}

TEST(what_was_said_is_no_proof_when_sent_back)
{
	begin("key", "key");
	CHECK_EQ(reflect(&connector, fd[0], fd[1]), -EACCES);
	end();
	begin("key", "key");
	CHECK_EQ(reflect(&listener, fd[1], fd[0]), -ECONNRESET); /* it has said no proof to send back */
	end();
}

/* Records what a good connector says, and says it again to the same listener. */
TEST(what_was_said_before_is_no_proof_again)
{
	uint8_t key[SECRET_KEY_SIZE], said[HELLO_SIZE + PROOF_SIZE], heard[HELLO_SIZE];
	struct weft__handshake good;
	int mine[2];
	short events;

	begin("key", "key");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, mine), 0);
	weft__handshake_begin(&good, false, key_of("key", key), 1000);
	CHECK_EQ(weft__handshake_step(&listener, fd[1], &events), -EAGAIN);
	REQUIRE_EQ(recv(fd[0], heard, sizeof heard, 0), HELLO_SIZE);
	kit_put(mine[0], heard, sizeof heard);
	CHECK_EQ(weft__handshake_step(&good, mine[1], &events), -EAGAIN);
	REQUIRE_EQ(recv(mine[0], said, sizeof said, MSG_WAITALL), sizeof said);
	kit_put(fd[0], said, sizeof said);
	CHECK_EQ(weft__handshake_step(&listener, fd[1], &events), 0); /* so it was a good one */

	end();
	begin("key", "key");
	kit_put(fd[0], said, sizeof said);
	CHECK_EQ(weft__handshake_step(&listener, fd[1], &events), -EACCES);
	end();
	close(mine[0]);
	close(mine[1]);
}

/* A connector whose words pass through here, where one bit of them is changed. What does the listener say? */
static int with_changed_bit(unsigned bit)
{
	uint8_t bytes[HELLO_SIZE];
	short events;
	int err, far[2];
	size_t passed = 0;

	begin("key", "key");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, far), 0);
	do {
		ssize_t n;

		weft__handshake_step(&connector, fd[0], &events);
		n = recv(fd[1], bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0) {
			if (bit / 8 >= passed && bit / 8 < passed + (size_t)n)
				bytes[bit / 8 - passed] ^= (uint8_t)(1 << bit % 8);
			passed += (size_t)n;
			kit_put(far[0], bytes, (size_t)n);
		}
		err = weft__handshake_step(&listener, far[1], &events);
		n = recv(far[0], bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0)
			kit_put(fd[1], bytes, (size_t)n);
	} while (err == -EAGAIN);
	end();
	close(far[0]);
	close(far[1]);
	return err;
}

TEST(each_bit_counts)
{
	CHECK_EQ(with_changed_bit(UINT32_MAX), 0); /* none: else this would say nothing */
	for (unsigned bit = 0; bit < 8 * (HELLO_SIZE + PROOF_SIZE); bit++) {
		int err = with_changed_bit(bit);

		CHECK(err == -EACCES || err == -EPROTO);
	}
}

TEST(byte_by_byte_is_fine)
{
	int far[2], err[2] = {-EAGAIN, -EAGAIN};
	short events;
	char byte;

	/* connector - fd[0] fd[1] - the wire - far[0] far[1] - listener */
	begin("key", "key");
	REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, far), 0);
	for (int i = 0; i < 4 * (HELLO_SIZE + PROOF_SIZE); i++) {
		if (err[0])
			err[0] = weft__handshake_step(&connector, fd[0], &events);
		if (err[1])
			err[1] = weft__handshake_step(&listener, far[1], &events);
		if (recv(fd[1], &byte, 1, MSG_DONTWAIT) == 1)
			kit_put(far[0], &byte, 1);
		if (recv(far[0], &byte, 1, MSG_DONTWAIT) == 1)
			kit_put(fd[1], &byte, 1);
	}
	CHECK_EQ(err[0], 0);
	CHECK_EQ(err[1], 0);
	end();
	close(far[0]);
	close(far[1]);
}

/* What follows the handshake belongs to somebody else. */
TEST(no_more_is_read)
{
	struct weft__handshake good;
	short events;
	char byte;

	begin(NULL, NULL);
	weft__handshake_begin(&good, false, NULL, 5);
	kit_put(fd[0], good.hello[0], HELLO_SIZE);
	kit_put(fd[0], "!", 1);
	CHECK_EQ(weft__handshake_step(&listener, fd[1], &events), 0);
	CHECK_EQ(recv(fd[1], &byte, 1, MSG_DONTWAIT), 1);
	CHECK_EQ(byte, '!');
	end();
}

TEST(garbage_and_ends_are_errors)
{
	short events;

	begin("key", "key");
	CHECK_EQ(weft__handshake_step(&listener, fd[1], &events), -EAGAIN);
	CHECK_EQ(events, POLLIN);
	kit_put(fd[0], "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n", HELLO_SIZE);
	CHECK_EQ(weft__handshake_step(&listener, fd[1], &events), -EPROTO);
	end();
	begin("key", "key");
	kit_put(fd[0], "weft", 4);
	shutdown(fd[0], SHUT_WR);
	CHECK_EQ(weft__handshake_step(&listener, fd[1], &events), -ECONNRESET);
	end();
}

/* It cannot be loaded, for want of a descriptor: secrets are refused then, and taken later. */
TEST(without_the_library_secrets_are_refused)
{
	struct weft_listen_opts o = {.size = sizeof o, .secret = "key", .secret_size = 3};
	struct rlimit limit, none;
	weft_listener *l = NULL;
	weft_pipe *p = NULL;

	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)kit_lowest_fd(), .rlim_max = limit.rlim_max};
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_EQ(weft_listen(&l, kit_unix(), &o), -ENOSYS);
	CHECK_EQ(weft_pipe_connect(&p, kit_unix(), &o, 0), -ENOSYS);
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK(!l && !p);
	CHECK_EQ(weft_listen(&l, kit_unix(), &o), 0);
	weft_listener_close(l);
}
