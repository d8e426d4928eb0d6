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
 * JWKS and CRLs of the attestation blocks, for those who judge: the blocks by
 * number and name, their configuration and files, and what kbsctl is told.
 * What is kept of each is in block.c and copy.c, how it is renewed in renew.c.
 * What comes, from wherever, is verified before it is used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block.h"
#include "certificate.h"
#include "log.h"

#define DOWN_FAILURES	3		/* rounds, and then not ready */

static struct block	 blocks[BLOCKS_MAX];
static uint32_t		 nblocks, nservices;

/* --- renewal ------------------------------------------------------- */

int
collateral_kept(uint64_t tag, const uint8_t *data, size_t len)
{
	if (tag >= nblocks)
		return (-1);
	if (blocks[tag].state != BLOCK_ASKING)
		return (0);		/* late */
	if (len > 0)
		copy_unwrap(&blocks[tag], data, len);
	renew_asked(&blocks[tag]);
	return (0);
}

int
collateral_coming(uint32_t block)
{
	return (block < nblocks && blocks[block].state != BLOCK_IDLE);
}

int
collateral_refresh(uint32_t block)
{
	struct block	*b = &blocks[block];

	if (block >= nblocks)
		return (0);
	if (b->state != BLOCK_IDLE)
		return (1);
	if (b->kind == BLOCK_FILE || renew_shut(b) || !fetch_possible(block))
		return (0);
	b->refresh = 1;
	renew_fetch(b);
	return (b->state != BLOCK_IDLE);
}

/* --- for the others ------------------------------------------------ */

const struct jwk *
collateral_key(uint32_t block, const char *kid)
{
	struct block	*b = &blocks[block];

	if (kid[0] == '\0' && b->kind != BLOCK_SERVICE)
		return (b->keys != NULL && b->keys->n == 1 ?
		    &b->keys->keys[0] : NULL);
	return (jwks_find(b->keys, kid));
}

int
collateral_any(uint32_t block, int64_t now)
{
	return (jwks_any(blocks[block].keys, now));
}

uint32_t
collateral_blocks(void)
{
	return (nblocks);
}

int
collateral_find(const char *name)
{
	uint32_t	 i;

	for (i = 0; i < nblocks; i++)
		if (strcmp(blocks[i].name, name) == 0)
			return ((int)i);
	return (-1);
}

enum block_kind
collateral_kind(uint32_t block)
{
	return (blocks[block].kind);
}

uint32_t
collateral_services(void)
{
	return (nservices);
}

uint32_t
collateral_fetched(void)
{
	uint32_t	 n = 0;

	while (n < nblocks && blocks[n].kind != BLOCK_FILE)
		n++;
	return (n);
}

int
collateral_issuer(const char *issuer)
{
	uint32_t	 i;

	for (i = nservices; i < nblocks; i++)
		if (strcmp(blocks[i].parties.issuer, issuer) == 0)
			return ((int)i);
	return (-1);
}

const struct parties *
collateral_parties(uint32_t block)
{
	return (&blocks[block].parties);
}

unsigned int
collateral_version(uint32_t block)
{
	return (blocks[block].version);
}

/* --- for kbsctl ---------------------------------------------------- */

void
collateral_tell(void (*fn)(const struct block_told *, void *), void *arg)
{
	struct block_told	 told;
	const struct block	*b;
	uint32_t		 i;

	for (i = 0; i < nblocks; i++) {
		b = &blocks[i];
		told.name = b->name;
		told.keys = jwks_usable(b->keys, block_now());
		told.state = b->rootless ? "no root yet" :
		    told.keys == 0 ? "no keys" : b->failures > 0 ?
		    "not renewed" : "good";
		told.good = b->good;
		told.bad = b->bad;
		told.trouble = b->failures > 0 ? b->trouble : "";
		told.fetched = b->fetched;
		fn(&told, arg);
	}
}

static void
block_count(struct wbuf *w, const struct block *b, const char *what,
    uint64_t value)
{
	char	 name[NAME_MAX_STORE + 32];

	(void)snprintf(name, sizeof(name), "%s %s", what, b->name);
	wb_str(w, name);
	wb_u64(w, value);
}

void
collateral_counters(struct wbuf *w)
{
	int64_t		 now = block_now();
	uint32_t	 i;

	renew_counters(w);
	for (i = 0; i < nblocks; i++) {
		if (blocks[i].kind == BLOCK_FILE)
			continue;
		block_count(w, &blocks[i], "collateral ends",
		    (uint64_t)jwks_end(blocks[i].keys, now, 1));
		block_count(w, &blocks[i], "collateral usable",
		    jwks_any(blocks[i].keys, now) ||
		    blocks[i].failures < DOWN_FAILURES);
	}
}

/* --- start --------------------------------------------------------- */

int
collateral_config(struct rbuf *r, uint32_t number)
{
	struct block	*b = &blocks[number];

	if (number >= BLOCKS_MAX)
		return (-1);
	b->number = number;
	rb_str(r, b->name, sizeof(b->name));
	rb_str(r, b->parties.issuer, sizeof(b->parties.issuer));
	rb_str(r, b->parties.audience, sizeof(b->parties.audience));
	b->version = rb_u8(r);
	b->interval = rb_u32(r);
	b->rootless = rb_bool(r);
	b->rootfd = b->jwksfd = -1;
	TAILQ_INIT(&b->crls);
	nblocks = nservices = number + 1;
	return (r->failed || b->interval > 7 * 86400 ? -1 : 0);
}

int
collateral_foreign(struct rbuf *r, uint32_t number)
{
	struct block	*b = &blocks[number];
	char		 alg[16];

	if (number >= BLOCKS_MAX)
		return (-1);
	b->number = number;
	b->kind = rb_enum(r, BLOCK_KIND_MAX - 1);
	rb_str(r, b->name, sizeof(b->name));
	rb_str(r, b->parties.issuer, sizeof(b->parties.issuer));
	rb_str(r, b->parties.audience, sizeof(b->parties.audience));
	rb_str(r, alg, sizeof(alg));
	b->interval = rb_u32(r);
	if (rb_bool(r) && (b->parties.map = map_config(r)) == NULL)
		return (-1);
	b->rsa = jws_alg_parse(alg);
	b->rootfd = b->jwksfd = -1;
	/* Nothing of a file is kept by others. */
	b->asked = b->kind == BLOCK_FILE;
	TAILQ_INIT(&b->crls);
	nblocks = number + 1;
	return (r->failed || b->kind == BLOCK_SERVICE ||
	    b->parties.issuer[0] == '\0' || b->interval > 7 * 86400 ||
	    (alg[0] != '\0' && b->rsa == JWS_NONE) ? -1 : 0);
}

int
collateral_root(int fd)
{
	uint32_t	 i;

	for (i = 0; i < nblocks; i++)
		if (!blocks[i].rootless && blocks[i].rootfd == -1 &&
		    blocks[i].kind != BLOCK_FILE) {
			blocks[i].rootfd = fd;
			return (0);
		}
	return (-1);
}

int
collateral_jwks(int fd)
{
	uint32_t	 i;

	for (i = nservices; i < nblocks; i++)
		if (blocks[i].kind == BLOCK_FILE && blocks[i].jwksfd == -1) {
			blocks[i].jwksfd = fd;
			return (0);
		}
	return (-1);
}

/* The descriptor's offset is shared with other processes: pread. */
static char *
file_load(const struct block *b, int fd, const char *what, size_t most,
    size_t *len)
{
	char	*text;
	ssize_t	 n;

	*len = 0;
	if ((text = malloc(most)) == NULL)
		fatal("%s of %s", what, b->name);
	do {
		n = pread(fd, text + *len, most - *len, (off_t)*len);
		if (n == -1)
			fatal("%s of %s", what, b->name);
		*len += (size_t)n;
	} while (n > 0 && *len < most);
	return (text);
}

/* One byte more is room for a file that is too long. */
static void
keys_load(struct block *b)
{
	char	*text, why[WHY_MAX];
	size_t	 len;

	text = file_load(b, b->jwksfd, "key set", JWKS_MAX + 1, &len);
	b->keys = keyfile_read(text, len, b->rsa, why, sizeof(why));
	if (b->keys == NULL)
		fatalx("key set of %s: %s", b->name, why);
	log_info("%s: %zu keys of \"%s\"", b->name, b->keys->n,
	    b->parties.issuer);
	free(text);
	close(b->jwksfd);
}

static void
root_load(struct block *b)
{
	char	*pem, why[WHY_MAX];
	size_t	 len;

	pem = file_load(b, b->rootfd, "root", ROOT_FILE_MAX, &len);
	if (roots_read(&b->roots, pem, len, why, sizeof(why)) == -1)
		fatalx("root of %s: %s", b->name, why);
	certificate_note(CERTIFICATE_ROOT, b->name, pem, len);
	b->roots.lax = b->kind == BLOCK_URL;
	b->roots.rsa = b->rsa;
	free(pem);
	close(b->rootfd);
}

void
collateral_secrets(void)
{
	uint32_t	 i;

	for (i = 0; i < nblocks; i++) {
		if (blocks[i].rootless)
			continue;
		if (blocks[i].kind == BLOCK_FILE) {
			if (blocks[i].jwksfd == -1)
				fatalx("no key set for %s", blocks[i].name);
			keys_load(&blocks[i]);
			continue;
		}
		if (blocks[i].rootfd == -1)
			fatalx("no root for %s", blocks[i].name);
		root_load(&blocks[i]);
	}
}

void
collateral_run(void (*changed)(void))
{
	uint32_t	 i;

	renew_init(changed);
	for (i = 0; i < nblocks; i++)
		renew_start(&blocks[i]);
}

void
collateral_broker_up(struct edge *edge)
{
	uint32_t	 i;

	(void)edge;
	for (i = 0; i < nblocks; i++)
		if (!blocks[i].asked && blocks[i].state == BLOCK_IDLE)
			renew_ask(&blocks[i]);
}

void
collateral_broker_down(struct edge *edge)
{
	uint32_t	 i;

	(void)edge;
	for (i = 0; i < nblocks; i++)
		if (blocks[i].state == BLOCK_ASKING)
			renew_asked(&blocks[i]);
}

/* Nothing valid yet: the first transfer shall not have to wait for it. */
void
collateral_fetcher_up(uint32_t block)
{
	struct block	*b = &blocks[block];

	if (block >= nblocks || b->kind == BLOCK_FILE ||
	    b->state != BLOCK_IDLE || !b->asked ||
	    jwks_any(b->keys, block_now()) || renew_shut(b))
		return;
	b->refresh = 0;
	renew_fetch(b);
}
