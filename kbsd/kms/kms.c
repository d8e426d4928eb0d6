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
 * The kms process, one per keystore: fetches, stores and deletes key material
 * at its backend, and refuses last.  It owns the backend's credential or
 * master key and the seal key of its records; plaintext material is here
 * while it goes through.  It believes a record by its seal, a release by the
 * half that its engine names and the line that audit has written.
 */

#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "certificate.h"
#include "json.h"
#include "kms.h"
#include "log.h"
#include "secret.h"

#define HEAP_SIZE	(1024 * 1024)

static char			 name[NAME_MAX_STORE];
static const struct backend	*backend;
static uint32_t			 cached;	/* seconds */
static int			 sealfd = -1, recipientfd = -1;

static const struct backend *const backends[KEYSTORE_TYPE_MAX] = {
	[KEYSTORE_LOCAL] = &backend_local,
	[KEYSTORE_VAULT] = &backend_vault,
	[KEYSTORE_KMIP] = &backend_kmip,
	[KEYSTORE_PKCS11] = &backend_pkcs11,
	[KEYSTORE_TOKEN] = &backend_token,
};

static const struct edge_rule engine_rules[] = {
	{ IMSG_KMS_TRACE, TRACE_BODY, TRACE_BODY, trace_take },
	{ IMSG_KMS_FETCH, FETCH_LEAST, FETCH_LEAST + KEY_RECORD_MAX +
	    WRAPPING_BYTES_MAX, jobs_fetch },
	{ IMSG_KMS_RESEAL, RESEAL_LEAST, RESEAL_LEAST + KEY_RECORD_MAX,
	    jobs_reseal },
	{ IMSG_KMS_DELETE, DELETE_LEAST, DELETE_LEAST + KEY_RECORD_MAX,
	    jobs_remove },
};

/* Who makes keys can't have any. */
static const struct edge_rule maker_rules[] = {
	{ IMSG_KMS_TRACE, TRACE_BODY, TRACE_BODY, trace_take },
	{ IMSG_KMS_STORE, STORE_LEAST, STORE_LEAST + KEY_RECORD_MAX +
	    MATERIAL_MAX, jobs_store },
};

static const struct edge_rule audit_rules[] = {
	{ IMSG_KMS_RECORDED, RECORDED_LEN, RECORDED_LEN, jobs_recorded },
};

static const struct edge_table edges[] = {
	{
		.peer = PROC_ENGINE,
		.rules = engine_rules,
		.nrules = sizeof(engine_rules) / sizeof(engine_rules[0]),
		.down = jobs_drop,
	},
	{
		.peer = PROC_MAKER,
		.rules = maker_rules,
		.nrules = sizeof(maker_rules) / sizeof(maker_rules[0]),
		.down = jobs_drop,
	},
	{
		.peer = PROC_AUDIT,
		.rules = audit_rules,
		.nrules = sizeof(audit_rules) / sizeof(audit_rules[0]),
		.down = jobs_unrecorded,
	},
};

/* Which one it will be is not known yet, only that it is elsewhere. */
static void
kms_libraries(void)
{
	size_t	 i;

	for (i = 0; self.outside && !self.module && i < KEYSTORE_TYPE_MAX; i++)
		if (backends[i]->libraries != NULL)
			backends[i]->libraries();
}

/* START has told what it needs, and no more; a module may need others. */
static int
kms_fits(void)
{
	return (backend->module == self.module && (backend->module ||
	    backend->elsewhere == self.outside));
}

static int
kms_config(struct rbuf *r)
{
	rb_str(r, name, sizeof(name));
	backend = backends[rb_enum(r, KEYSTORE_TYPE_MAX - 1)];
	cached = rb_u32(r);
	if (r->failed || name[0] == '\0' || !kms_fits())
		return (-1);
	return (backend->config(r));
}

static int
kms_descriptor(uint32_t role, int fd)
{
	if (backend == NULL)
		return (-1);
	if (role == FD_SEAL_KEY && sealfd == -1)
		sealfd = fd;
	else if (role == FD_BACKUP_RECIPIENT && recipientfd == -1)
		recipientfd = fd;
	else
		return (backend->descriptor(role, fd));
	return (0);
}

/*
 * A new seal key where records are sealed already would refuse them all, and
 * tell nobody why.
 */
static void
kms_seal_key(int sealed)
{
	struct stat	 st;
	uint8_t		*key;
	int		 made;

	if (sealfd == -1)
		fatalx("no seal key file");
	if (fstat(sealfd, &st) == -1)
		fatal("seal key file");
	if (sealed && st.st_size == 0)
		fatalx("the seal key file is missing or empty, but keystore "
		    "%s holds keys: bring back the file, none is made", name);
	if ((key = secret_read_or_make(sealfd, SEAL_KEY_LEN, &made)) == NULL)
		fatal("seal key file (it must hold %d bytes)", SEAL_KEY_LEN);
	if (made)
		log_info("made a seal key");
	close(sealfd);
	sealfd = -1;
	seal_init(key);
	secret_free(key);
}

static void
kms_secrets(void)
{
	int	 sealed;

	if (backend == NULL)
		fatalx("no keystore");
	secret_openssl(HEAP_SIZE);
	json_init();
	sealed = records_open();
	kms_seal_key(sealed);
	backend->open(sealed);
	records_ready();
	if (recipientfd != -1)
		backup_init(recipientfd);
	cache_init(cached);
	work_init(backend);
	jobs_init(name);
	check_init(name, backend);
	sweep_init(backend);
}

static void
kms_run(void)
{
	if (backend->run != NULL)
		backend->run();
	work_clean();
	sweep_start();
}

static void
kms_counters(struct wbuf *w)
{
	jobs_counters(w);
	work_counters(w);
}

static void
kms_show(uint8_t what, uint8_t page, struct wbuf *cells, uint32_t *rows)
{
	(void)page;
	if (what == SHOW_CERTIFICATES)
		certificate_show(name, cells, rows);
}

static const struct edge_rule parent_rules[] = {
	{ IMSG_KMS_CHECK, 9, 9, check_take },
};

static const struct process processes[] = {
	{
		.kind = PROC_KMS,
		.edges = edges,
		.nedges = sizeof(edges) / sizeof(edges[0]),
		.libraries = kms_libraries,
		.config = kms_config,
		.descriptor = kms_descriptor,
		.secrets = kms_secrets,
		.run = kms_run,
		.parent_rules = parent_rules,
		.nparent_rules = 1,
		.counters = kms_counters,
		.show = kms_show,
	},
};

int
main(int argc, char *argv[])
{
	secret_heap();
	process_main(processes, 1, argc, argv);
}
