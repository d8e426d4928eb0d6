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
 * Intel's Provisioning Certification Service, version 4, and caches of it
 * (PCCS): where each part of collateral is, and what an answer must look like
 * to take the place of an older one.  What it says is for the verifier.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "fetcher.h"
#include "json.h"

#define PCS_HOST	"api.trustedservices.intel.com"
/* The CRL distribution point of Intel's certificates. */
#define PCS_ROOT_CRL	"https://certificates.trustedservices.intel.com/" \
			"IntelSGXRootCA.der"
#define PEM_BEGIN	"-----BEGIN CERTIFICATE-----\n"
#define PEM_END		"-----END CERTIFICATE-----"
#define PEM_OTHERS	"+/=- \r\n"	/* beside letters and digits */

/* Intel's own TCB infos have up to 6000 values. */
static const struct json_limits	 limits_document = { BODY_MAX, 16384, 16 };

static int	part_crl(const uint8_t *, size_t, struct wbuf *, char *,
		    size_t);
static int	part_tcb_info(const uint8_t *, size_t, struct wbuf *, char *,
		    size_t);
static int	part_qe_identity(const uint8_t *, size_t, struct wbuf *,
		    char *, size_t);

/* What of a platform stands in a path. */
enum word { WORD_NONE, WORD_CA, WORD_FMSPC, WORD_MAX };

static const struct {
	int		 issued;		/* with a header of issuers */
	const char	*headers[2];
	int		(*read)(const uint8_t *, size_t, struct wbuf *, char *,
			    size_t);
	/* Below TEE/certification/v4/; what is not of each TEE is of SGX. */
	int		 of_tee;
	const char	*path;
	enum word	 word;
	const char	*end;
} parts[PART_OF_AMD - FETCH_MAX] = {
	[PART_PCK_CRL - FETCH_MAX] = { 1, { "SGX-PCK-CRL-Issuer-Chain",
	    NULL }, part_crl, 0, "pckcrl?ca=", WORD_CA, "&encoding=der" },
	[PART_ROOT_CRL - FETCH_MAX] = { 0, { NULL, NULL }, part_crl, 0,
	    "rootcacrl", WORD_NONE, "" },
	/* The second one is an older PCCS's. */
	[PART_TCB_INFO - FETCH_MAX] = { 1, { "TCB-Info-Issuer-Chain",
	    "SGX-TCB-Info-Issuer-Chain" }, part_tcb_info, 1, "tcb?fmspc=",
	    WORD_FMSPC, "" },
	[PART_QE_IDENTITY - FETCH_MAX] = { 1, {
	    "SGX-Enclave-Identity-Issuer-Chain", NULL }, part_qe_identity, 1,
	    "qe/identity", WORD_NONE, "" },
};

int
pcs_platform(struct platform *p, uint8_t what, uint8_t tees,
    const uint8_t *data, size_t len)
{
	(void)what;
	if ((tees != TEE_SGX && tees != TEE_TDX) || len != FMSPC_LEN + 1 ||
	    data[FMSPC_LEN] > 1)
		return (-1);
	p->tees = tees;
	p->is_platform = data[FMSPC_LEN];
	return (hex_encode(p->fmspc, sizeof(p->fmspc), data, FMSPC_LEN) ==
	    -1 ? -1 : 0);
}

const char *
pcs_url(uint8_t part, const struct platform *p, struct url *url)
{
	const char *const	 words[WORD_MAX] = {
		[WORD_NONE] = "",
		[WORD_CA] = p->is_platform ? "platform" : "processor",
		[WORD_FMSPC] = p->fmspc,
	};
	char			 path[96];
	size_t			 i = part - FETCH_MAX;

	if (part == PART_ROOT_CRL &&
	    strcmp(settings.api.host.name, PCS_HOST) == 0)
		return (url_parse(url, PCS_ROOT_CRL));
	snprintf(path, sizeof(path), "/%s/certification/v4/%s%s%s",
	    parts[i].of_tee && p->tees == TEE_TDX ? "tdx" : "sgx",
	    parts[i].path, words[parts[i].word], parts[i].end);
	return (url_append(url, &settings.api, path));
}

const char *
pcs_chain(uint8_t part, const struct http_answer *answer)
{
	const char *const	*name = parts[part - FETCH_MAX].headers;
	const char		*value;
	size_t			 i;

	for (i = 0; i < 2 && name[i] != NULL; i++)
		if ((value = http_answer_header(answer, name[i])) != NULL)
			return (value);
	return (NULL);
}

/* A '+' is one: base64 has them, and nothing here is a form's. */
ssize_t
pcs_unescape(const char *text, char *pem, size_t size, char *why,
    size_t whysize)
{
	size_t	 n = 0;
	uint8_t	 c;

	for (; *text != '\0'; text++) {
		c = (uint8_t)*text;
		if (c == '%') {
			if (strlen(text) < 3 || hex_decode(&c, 1, text + 1,
			    2) != 1) {
				strlcpy(why, "a % without two digits",
				    whysize);
				return (-1);
			}
			text += 2;
		}
		if (n == size) {
			snprintf(why, whysize, "more than %zu bytes", size);
			return (-1);
		}
		pem[n++] = (char)c;
	}
	return ((ssize_t)n);
}

static int
pem_char(unsigned char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' &&
	    strchr(PEM_OTHERS, c) != NULL));
}

/* Certificates from the first byte to the last, as far as text can tell. */
const char *
pcs_pem_wrong(const char *pem, size_t len)
{
	static const char	 begin[] = PEM_BEGIN, end[] = PEM_END;
	size_t			 i;

	for (i = 0; i < len; i++)
		if (!pem_char((unsigned char)pem[i]))
			return ("a character that PEM has not");
	while (len > 0 && strchr("\r\n", pem[len - 1]) != NULL)
		len--;
	/* The first line may end in CR LF. */
	if (len < sizeof(begin) + sizeof(end) ||
	    memcmp(pem, begin, sizeof(begin) - 2) != 0 ||
	    strchr("\r\n", pem[sizeof(begin) - 2]) == NULL)
		return ("it does not begin with a certificate");
	if (memcmp(pem + len - (sizeof(end) - 1), end, sizeof(end) - 1) != 0)
		return ("it does not end with a certificate");
	return (NULL);
}

/* DER, or its hexadecimal digits, which is how a PCCS has it. */
static int
part_crl(const uint8_t *data, size_t len, struct wbuf *w, char *why,
    size_t whysize)
{
	uint8_t	*der;
	ssize_t	 n;

	if (service_der(data, len)) {
		wb_bytes(w, data, len);
		return (0);
	}
	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
		len--;
	if ((der = malloc(len / 2 + 1)) == NULL) {
		strlcpy(why, "no memory", whysize);
		return (-1);
	}
	n = hex_decode(der, len / 2 + 1, (const char *)data, len);
	if (n > 0 && service_der(der, (size_t)n))
		wb_bytes(w, der, (size_t)n);
	else
		n = -1;
	free(der);
	if (n != -1)
		return (0);
	snprintf(why, whysize, "%zu bytes that are neither DER nor DER in "
	    "hexadecimal", len);
	return (-1);
}

/* One object with what is signed and its signature; passed on as it came. */
static int
part_document(const char *name, const uint8_t *data, size_t len,
    struct wbuf *w, char *why, size_t whysize)
{
	json_t	*object, *inner, *signature;
	int	 ret;
	const struct json_member members[] = {
		{ name,		JSON_MEMBER_OBJECT, 1, &inner },
		{ "signature",	JSON_MEMBER_STRING, 1, &signature },
	};

	object = json_read((const char *)data, len, &limits_document, why,
	    whysize);
	if (object == NULL)
		return (-1);
	ret = json_pick(object, members, 2, why, whysize);
	json_decref(object);
	if (ret == 0)
		wb_bytes(w, data, len);
	return (ret);
}

static int
part_tcb_info(const uint8_t *data, size_t len, struct wbuf *w, char *why,
    size_t whysize)
{
	return (part_document("tcbInfo", data, len, w, why, whysize));
}

static int
part_qe_identity(const uint8_t *data, size_t len, struct wbuf *w, char *why,
    size_t whysize)
{
	return (part_document("enclaveIdentity", data, len, w, why, whysize));
}

int
pcs_part(uint8_t part, const uint8_t *data, size_t len, const char *pem,
    size_t pemlen, struct wbuf *w, char *why, size_t whysize)
{
	const char	*wrong = NULL;
	char		 text[REASON_TEXT_MAX / 2] = "";
	int		 issued = parts[part - FETCH_MAX].issued;

	if (issued && (wrong = pcs_pem_wrong(pem, pemlen)) != NULL) {
		snprintf(why, whysize, "its issuer chain is no PEM: %s",
		    wrong);
		return (-1);
	}
	if (parts[part - FETCH_MAX].read(data, len, w, text,
	    sizeof(text)) == -1) {
		snprintf(why, whysize, "it is no %s: %s", service_name(part),
		    text);
		wb_free(w);
		return (-1);
	}
	if (issued)
		wb_bytes(w, pem, pemlen);
	if (!w->failed)
		return (0);
	wb_free(w);
	strlcpy(why, "no memory to keep it", whysize);
	return (-1);
}

int
pcs_read(uint8_t part, const char *chain, const uint8_t *data, size_t len,
    struct wbuf *w, char *why, size_t whysize)
{
	char		 pem[CHAIN_MAX] = "", text[128];
	ssize_t		 n = 0;

	if (parts[part - FETCH_MAX].issued) {
		if (chain == NULL) {
			snprintf(why, whysize, "the answer has not one header "
			    "%s", parts[part - FETCH_MAX].headers[0]);
			return (-1);
		}
		if ((n = pcs_unescape(chain, pem, sizeof(pem), text,
		    sizeof(text))) == -1) {
			snprintf(why, whysize, "header %s: %s",
			    parts[part - FETCH_MAX].headers[0], text);
			return (-1);
		}
	}
	return (pcs_part(part, data, len, pem, (size_t)n, w, why, whysize));
}
