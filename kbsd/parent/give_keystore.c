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
 * What those who have to do with keystores are told and given at their start:
 * a kms of its own, the engines and the maker of all.
 */

#include <sys/queue.h>

#include <stdint.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"

/* Which keys it makes itself: no KMIP server makes any of EC. */
static uint8_t
keystore_makes(const struct keystore *k)
{
	if (k->type == KEYSTORE_TOKEN)
		return (1 << ALG_AES | 1 << ALG_RSA | 1 << ALG_EC);
	return (k->by_server ? 1 << ALG_AES | 1 << ALG_RSA : 0);
}

int
give_engine(struct child *c, struct wbuf *w)
{
	const struct config	*conf = c->set->conf;
	const struct keystore	*k;
	uint32_t		 n = 0;

	TAILQ_FOREACH(k, &conf->keystores, entry)
		n++;
	wb_u32(w, n);
	TAILQ_FOREACH(k, &conf->keystores, entry) {
		wb_str(w, k->name);
		wb_u8(w, keystore_makes(k));
		wb_u8(w, k->type == KEYSTORE_TOKEN);
	}
	return (0);
}

static int
give_local(struct child *c, struct wbuf *w)
{
	const struct keystore	*k = c->object;
	int			 fresh;

	(void)w;
	if ((fresh = rekey_open(c)) != -1 &&
	    give_fd(FD_MASTER_KEY_NEW, fresh) == -1)
		return (-1);
	return (give_fd(FD_MASTER_KEY, files_secret(rekey_path(c->set->conf,
	    k), k->master_key == NULL)));
}

static int
give_vault(struct child *c, struct wbuf *w)
{
	const struct keystore	*k = c->object;

	give_words(w, &k->urls);
	wb_str(w, k->mount);
	wb_str(w, k->namespace);
	wb_u8(w, (uint8_t)k->version);
	wb_str(w, k->role_id);
	wb_str(w, k->login);
	if (give_fd(FD_KMS_SECRET, files_secret(k->secret, 0)) == -1)
		return (-1);
	return (give_fd(FD_CA, files_public(k->ca)));
}

static int
give_kmip(struct child *c, struct wbuf *w)
{
	const struct keystore	*k = c->object;

	wb_str(w, k->server);
	wb_u16(w, (uint16_t)k->port);
	wb_str(w, k->tls_name);
	wb_u8(w, (uint8_t)(k->version / 10));
	wb_u8(w, (uint8_t)(k->version % 10));
	wb_str(w, k->username);
	wb_str(w, k->protocols);
	wb_u8(w, keystore_makes(k));
	wb_u8(w, (uint8_t)k->activate);
	if (give_fd(FD_KMS_CERT, files_public(k->cert)) == -1 ||
	    give_fd(FD_KMS_KEY, files_secret(k->key, 0)) == -1)
		return (-1);
	if (k->secret != NULL && give_fd(FD_KMS_SECRET,
	    files_secret(k->secret, 0)) == -1)
		return (-1);
	return (give_fd(FD_CA, files_public(k->ca)));
}

/* Who may write the module may do what its kms may. */
static int
give_pkcs11(struct child *c, struct wbuf *w)
{
	const struct keystore	*k = c->object;
	int			 fd;

	if ((fd = files_public(k->module)) == -1)
		return (-1);
	close(fd);
	wb_str(w, k->module);
	wb_str(w, k->token);
	wb_str(w, k->kek);
	give_words(w, &k->reads);
	give_words(w, &k->writes);
	give_words(w, &k->environment);
	return (give_fd(FD_KMS_SECRET, files_secret(k->secret, 0)));
}

int
give_kms(struct child *c, struct wbuf *w)
{
	static int	(*const types[KEYSTORE_TYPE_MAX])(struct child *,
			    struct wbuf *) = {
		[KEYSTORE_LOCAL] = give_local,
		[KEYSTORE_VAULT] = give_vault,
		[KEYSTORE_KMIP] = give_kmip,
		[KEYSTORE_PKCS11] = give_pkcs11,
		[KEYSTORE_TOKEN] = give_pkcs11,
	};
	const struct keystore	*k = c->object;

	wb_str(w, k->name);
	wb_u8(w, (uint8_t)k->type);
	wb_u32(w, k->cache);
	if (types[k->type](c, w) == -1 ||
	    give_recipient(c->set->conf) == -1)
		return (-1);
	return (give_fd(FD_SEAL_KEY, files_secret(files_path(c->set->conf,
	    "keys/kms-%s.seal.key", k->name), 1)));
}
