# Copyright (c) 2026 The kbsd authors
#
# Permission to use, copy, modify, and distribute this software for any
# purpose with or without fee is hereby granted, provided that the above
# copyright notice and this permission notice appear in all copies.
#
# THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
# WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
# MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
# ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
# WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
# ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
# OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.

# What the tests of hostile clients share.

# client PROGRAM [argument ...]: with where kbsd is.
client()
{
	local program=$1

	shift
	exits 0 python3 "$(atf_get_srcdir)/$program.py" "$port" \
	    "$state/tls.crt" "$bin/kbsctl" "$dir/kbsd.sock" "$@"
	cat said
}

# Whoever ran before runs still: nothing was replaced.
census()
{
	ctl -j show processes |
	    jq -r '.[] | "\(.process) \(.instance) \(.pid)"' | sort >"$1"
}

same_processes()
{
	census after
	cmp -s before after || {
		diff before after
		tail -n 30 "$log"
		atf_fail "a process was replaced"
	}
}
