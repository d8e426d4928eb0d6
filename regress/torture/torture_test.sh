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


# Each allocation and each fallible system call fails once: of the transfer, of
# a transfer that is to be denied, of the start.  torture.py says what must
# hold then.  TORTURE=full tries all of them, which takes an hour; else some.

. "$(atf_get_srcdir)/../daemon/daemon.sh"

torture()
{
	KBSD_PORT=$port KBSD_BIN=$bin FAULT_SO=$so TORTURE=${TORTURE:-12} \
	    python3 "$(atf_get_srcdir)/torture.py" "$@" >said 2>&1 || {
		cat said
		atf_fail "torture $*"
	}
	cat said
}

# kbsd, with the library that makes calls fail in each of its processes; a key
# that is released for token.jwt, and two that are not.
torture_begin()
{
	local mrtd

	so=$(cd "$(atf_get_srcdir)" && pwd)/fault.so
	[ -f "$so" ] || atf_skip "fault.so is not built"
	start_ita
	dd if=/dev/zero of=fault bs=4096 count=1 2>/dev/null
	chmod 666 fault
	write_conf "prefork 1"
	# ASan wants to be loaded first; it is there in time all the same.
	export ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS:-}"
	export LD_PRELOAD="$so" FAULT="$dir/fault"
	run_kbsd
	unset LD_PRELOAD FAULT
	held_token
	mrtd=$(tee_mrtd)
	policy >policies
	policy "$(printf '%096d' 0 | tr 0 e)" >>policies
	jq -n --arg m "$mrtd" '{attestation_type: "TDX", tdx: {attributes:
	    {enforce_tcb_upto_date: true, deny: {mrtd: [$m]}}}}' \
	    >policy.json
	ctl policy add policy.json >>policies || atf_fail "no policy"
	for policy in $(cat policies); do
		ctl key create -a AES -l 256 -p "$policy" ||
		    atf_fail "no key"
	done >keys
}

daemon_case transfer "calls fail on the way of a key" "" 300
transfer_body()
{
	torture_begin
	torture transfer
	audit_intact
	stop_kbsd
}

daemon_case denied "no check is left out for want of memory" "" 300
denied_body()
{
	torture_begin
	torture denied
	stop_kbsd
}

daemon_case start "calls fail while kbsd starts" "" 300
start_body()
{
	torture_begin
	stop_kbsd
	torture start
}

daemon_case first "calls fail while the first start makes secrets" "" 300
first_body()
{
	torture_begin
	stop_kbsd
	torture first
}

atf_init_test_cases()
{
	daemon_add_cases
}
