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

# kbsget with evidence of a simulated kernel (configfs.c) and kbsd itself,
# which has it appraised by a stand-in of Trust Authority.

. "$(atf_get_srcdir)/../daemon/daemon.sh"

REPORTS=tree/sys/kernel/config/tsm/report

# guest COMMAND [OPTION ...]: kbsget in a TDX guest whose quotes it makes
guest()
{
	local command=$1

	shift
	ASAN_OPTIONS=verify_asan_link_order=0 \
	    LD_PRELOAD="$(atf_get_srcdir)/configfs.so" TEE_TREE="$dir/tree" \
	    TEE_PROVIDER=tdx_guest TEE_COMMAND="$command" \
	    "$bin/kbsget" -S "$dir/tree" -u "https://localhost:$port" \
	    -c "$state/tls.crt" "$@"
}

daemon_case tdx "The key of a TDX guest, by its kernel's quote"
tdx_body()
{
	local key tee

	start_ita
	start_kbsd
	tee="$standin/tee -d $dir/tee -t tdx"
	mkdir -p $REPORTS
	head -c 32 /dev/urandom >aes
	key=$(ctl key register -a AES -l 256 -p "$(policy)" -f aes) ||
	    atf_fail "no key"
	exits 0 guest "$tee" -k "$key" -o out
	cmp aes out || atf_fail "another key"
	rm out
	exits 0 guest "$tee" -k "$key" -T tdx -w 30 -o out
	cmp aes out || atf_fail "another key"
	rm out
	# of another machine: denied, and that is not tried again
	exits 1 guest "$tee --mrtd $(printf '%096d' 7)" -k "$key" -w 30 -o out
	grep -q 'denied (status 401)' cried || atf_fail "$(cat cried)"
	! grep -q 'trying again' cried || atf_fail "$(cat cried)"
	[ ! -e out ] || atf_fail "a file"
	[ -z "$(ls $REPORTS)" ] || atf_fail "a report is left"
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
