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

/* The audit program itself; the test is its parent, broker and kms. */
#ifndef PLAY_H
#define PLAY_H

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "digest.h"
#include "peer.h"

#define LOG	"audit.log"

#define UNUSED	__attribute__((unused))

/* The audit program, and who is played around it. */
struct set {
	struct child	*audit;
	struct peer	*broker, *kms0, *kms1;
};

static const struct uuid	 key = { { 9, 8, 7, 6, 5, 4, 0x43, 2, 0x81 } };

/* What CONFIG says besides; the file that the log was in before, or NULL. */
static struct chain		 known;
static uint32_t			 nsinks;
static const char		*last;

static UNUSED int
log_file(const char *path)
{
	int	 fd = open(path, O_RDWR | O_APPEND | O_CREAT, 0600);

	ATF_REQUIRE(fd != -1);
	return (fd);
}

static UNUSED void
set_begin(struct set *s, const char *path, int optional)
{
	struct wbuf	 w = { 0 };
	uint32_t	 i;
	int		 fd;

	fd = log_file(path);
	s->audit = child_start("audit", PROC_AUDIT, 0, 0, NULL);
	wb_u32(&w, 1);
	wb_u64(&w, known.n);
	wb_digest(&w, known.digest);
	wb_u32(&w, nsinks);
	for (i = 0; i < nsinks; i++) {
		wb_str(&w, "collector");
		wb_str(&w, "<86>");
	}
	wb_u8(&w, (uint8_t)optional);
	wb_u32(&w, 2);
	wb_str(&w, "main");
	wb_str(&w, "vault");
	child_config(s->audit, &w);
	if (last != NULL)
		child_descriptor(s->audit, FD_AUDIT_LOG, log_file(last));
	child_descriptor(s->audit, FD_AUDIT_LOG, fd);
}

static UNUSED void
set_start(struct set *s, const char *path, int optional)
{
	set_begin(s, path, optional);
	child_go(s->audit);
	s->broker = child_edge(s->audit, PROC_BROKER, 0, 9);
	s->kms0 = child_edge(s->audit, PROC_KMS, 0, 0);
	s->kms1 = child_edge(s->audit, PROC_KMS, 1, 0);
}

static UNUSED void
set_end(struct set *s)
{
	peer_close(s->broker);
	peer_close(s->kms0);
	peer_close(s->kms1);
	child_end(s->audit);
}

static UNUSED void
put_body(struct wbuf *w, uint64_t number, const char *keystore, int reply)
{
	struct request_name	 name = { 4, number };
	uint8_t			 d[DIGEST_LEN];

	wb_name(w, &name);
	wb_u8(w, OP_TRANSFER);
	wb_str(w, keystore);
	wb_uuid(w, &key);
	memset(d, 'p', sizeof(d));
	wb_digest(w, d);
	memset(d, 'w', sizeof(d));
	wb_digest(w, d);
	wb_u8(w, (uint8_t)reply);
	wb_u8(w, AUDIT_DECISION);
	wb_str(w, "00000004-0000000000000001");
	wb_str(w, "192.0.2.1");
	wb_str(w, "");
	wb_uuid(w, &key);
	wb_uuid(w, &uuid_nil);
	wb_u8(w, TEE_SGX);
	memset(d, 'e', sizeof(d));
	wb_digest(w, d);
	wb_str(w, "ok");
	wb_str(w, "");
	wb_str(w, "");
	wb_str(w, "");
	wb_str(w, "");
}

static UNUSED void
record(struct set *s, uint64_t number, const char *keystore, int reply)
{
	struct wbuf	 w = { 0 };

	put_body(&w, number, keystore, reply);
	peer_send(s->broker, IMSG_AUDIT_RECORD, &w);
}

/* RECORDED as it must be; its line. */
static UNUSED uint64_t
recorded(struct peer *peer, uint32_t type, uint64_t number)
{
	struct request_name	 name;
	struct rbuf		 r;
	struct uuid		 u;
	uint8_t			 d[DIGEST_LEN], want[DIGEST_LEN];
	uint64_t		 line;

	peer_recv(peer, type, &r, AGES);
	rb_name(&r, &name);
	ATF_CHECK_EQ(4, name.front);
	ATF_CHECK_EQ(number, name.number);
	ATF_CHECK_EQ(OP_TRANSFER, rb_u8(&r));
	rb_uuid(&r, &u);
	ATF_CHECK_EQ(0, uuid_cmp(&u, &key));
	rb_digest(&r, d);
	memset(want, 'p', sizeof(want));
	ATF_CHECK_EQ(0, memcmp(d, want, sizeof(d)));
	rb_digest(&r, d);
	memset(want, 'w', sizeof(want));
	ATF_CHECK_EQ(0, memcmp(d, want, sizeof(d)));
	line = rb_u64(&r);
	ATF_REQUIRE_EQ(0, rb_end(&r));
	return (line);
}

static UNUSED void
not_recorded(struct set *s, uint64_t number)
{
	struct request_name	 name;
	struct rbuf		 r;
	char			 why[REASON_TEXT_MAX];

	peer_recv(s->broker, IMSG_BROKER_NOT_RECORDED, &r, AGES);
	rb_name(&r, &name);
	ATF_CHECK_EQ(number, name.number);
	rb_str(&r, why, sizeof(why));
	ATF_REQUIRE_EQ(0, rb_end(&r));
	ATF_CHECK(why[0] != '\0');
}

/* Faults but torn lines in a file behind the chain; the number of lines. */
static UNUSED unsigned int
verify_file(const char *path, struct chain *chain, unsigned int *torn)
{
	char		*line = NULL;
	size_t		 size = 0;
	ssize_t		 len;
	unsigned int	 n = 0;
	FILE		*fp;

	ATF_REQUIRE((fp = fopen(path, "r")) != NULL);
	while ((len = getline(&line, &size, fp)) > 0) {
		ATF_REQUIRE_EQ('\n', line[len - 1]);
		switch (chain_verify(chain, line, (size_t)len - 1)) {
		case CHAIN_OK:
			break;
		case CHAIN_TORN:
			(*torn)++;
			break;
		default:
			atf_tc_fail("line %u: %s", n + 1, line);
		}
		n++;
	}
	free(line);
	fclose(fp);
	return (n);
}

/* The same of a log that begins in this file. */
static UNUSED unsigned int
verify(unsigned int *torn)
{
	struct chain	 chain;

	memset(&chain, 0, sizeof(chain));
	*torn = 0;
	return (verify_file(LOG, &chain, torn));
}

#endif
