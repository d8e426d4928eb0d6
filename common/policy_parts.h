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
 * The parts that policy.c is made of: lists of values, and the objects of
 * one TEE.  Readers return 0, or -1 with why; what they have filled so far is
 * freed by the *_free of the same part in either case.
 */
#ifndef POLICY_PARTS_H
#define POLICY_PARTS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"

/* Says why, always returns -1. */
int	 policy_refuse(char *why, size_t whysize, const char *, ...)
	    __attribute__((format(printf, 3, 4)));

/* --- policy_list.c ----------------------------------------------------- */

/*
 * What one string of a list must be.  May rewrite the copy it is shown, in
 * place; NULL when it is good, else what it should have been.
 */
struct policy_word {
	const char	*(*check)(char *);
};

extern const struct policy_word policy_word_id;		/* UUID */
extern const struct policy_word policy_word_text;	/* printable */

/* name is the member's, for why. */
int	 policy_bytes_read(struct policy_bytes *, size_t width,
	    const char *name, const json_t *, char *why, size_t whysize);
/* One string instead of a list; "" is none. */
int	 policy_bytes_read_one(struct policy_bytes *, size_t width,
	    const char *name, const json_t *, char *why, size_t whysize);
int	 policy_numbers_read(struct policy_numbers *, const char *name,
	    const json_t *, char *why, size_t whysize);
int	 policy_strings_read(struct policy_strings *,
	    const struct policy_word *, const char *name, const json_t *,
	    char *why, size_t whysize);
/* A number up to most, or its digits in a string where text is allowed. */
int	 policy_number_read(struct policy_number *, uint32_t most, int text,
	    const char *name, const json_t *, char *why, size_t whysize);
/* A boolean, or "true" and "false" where text is allowed. */
int	 policy_bool_read(int *, int text, const char *name, const json_t *,
	    char *why, size_t whysize);

void	 policy_bytes_free(struct policy_bytes *);
void	 policy_numbers_free(struct policy_numbers *);
void	 policy_strings_free(struct policy_strings *);

/* NULL on no memory. */
json_t	*policy_bytes_json(const struct policy_bytes *);
json_t	*policy_bytes_json_one(const struct policy_bytes *);
json_t	*policy_numbers_json(const struct policy_numbers *);
json_t	*policy_strings_json(const struct policy_strings *);
/*
 * Set a member, whose reference is taken; does nothing after a failure, or
 * when the object is NULL.  Returns -1 then.
 */
int	 policy_set(json_t *object, const char *name, json_t *);

/* --- policy_tee.c ------------------------------------------------------ */

int	 policy_tee_read(struct policy_tee *, uint8_t tee, json_t *,
	    char *why, size_t whysize);
json_t	*policy_tee_json(const struct policy_tee *, uint8_t tee);
void	 policy_tee_free(struct policy_tee *);

#endif
