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

/* PCK certificates: PEM paths, and the SGX extension by itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dcap.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dcap_role	 roles[] = {
		{ "Intel SGX PCK Certificate", NULL, 0 },
		{ "Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA",
		    1 },
	};
	uint8_t			 root[DIGEST_LEN] = { 0 };
	struct dcap_platform	 platform;
	struct dcap_path	 path;
	X509			*leaf;
	char			 why[WHY_MAX];
	size_t			 n;

	why[0] = '\0';
	if (dcap_extension_read(&platform, data, size, why,
	    sizeof(why)) == 0) {
		if (platform.type > 2)
			abort();
	} else if (why[0] == '\0')
		abort();
	for (n = 1; n <= 2; n++) {
		why[0] = '\0';
		if (dcap_path_read(&path, data, size, roles, n, root, why,
		    sizeof(why)) == 0 || why[0] == '\0')
			abort();
		dcap_path_clear(&path);
	}
	if ((leaf = dcap_path_leaf(data, size)) != NULL) {
		(void)dcap_extension_of(&platform, leaf, why, sizeof(why));
		(void)dcap_named(leaf, "Intel SGX PCK Certificate");
		(void)dcap_same_issuer(leaf, leaf);
		X509_free(leaf);
	}
	(void)dcap_root_read(root, data, size, why, sizeof(why));
	return (0);
}
