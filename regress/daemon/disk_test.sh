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

# A disk that is full, and one whose syncs fail: what can't be kept is refused,
# what was acknowledged is there, and no key leaves without its audit line.

. "$(atf_get_srcdir)/daemon.sh"

# A file system of 8 MiB under $state.
small_disk()
{
	is_root || atf_skip "only root mounts a small file system"
	[ -n "${bin:-}" ] || daemon_find
	mkdir -p "$state"
	mount -t tmpfs -o size=8m,mode=755 kbsd "$state" 2>cried ||
	    atf_skip "no file system can be mounted: $(cat cried)"
}

unmount()
{
	! mountpoint -q state || umount state || umount -l state
}

fill()
{
	dd if=/dev/zero of="$state/fill" bs=4096 2>/dev/null && :
	! echo more >>"$state/fill2" 2>/dev/null || [ ! -s "$state/fill2" ] ||
	    atf_fail "the disk is not full"
}

# A policy, a key and what a transfer of it needs.
prepare()
{
	p=$(policy) || atf_fail "no policy"
	k=$(ctl key create -a AES -l 256 -p "$p") || atf_fail "no key"
	held_token
	transfer out || atf_fail "no transfer: $(cat cried)"
	login
}

transfer()
{
	rm -f "$1"
	kbsget -k "$k" -K pair.pem -t token.jwt -o "$1" >said 2>cried
}

# Each way to have something kept is refused with a 5xx, and what is there is
# still shown.
refused()
{
	n=0
	while [ $n -lt 3 ]; do
		n=$((n + 1))
		got=$(curl_kbsd /key-transfer-policies -o body \
		    -w '%{http_code}' -H "Authorization: Bearer $token" \
		    -H 'Content-Type: application/json' \
		    -H 'Accept: application/json' -d @policy.json)
		case $got in
		50[0-4]) ;;
		*) atf_fail "a policy: $got $(cat body)" ;;
		esac
		[ -n "$(jq -r .error body)" ] || atf_fail "without a text"
		got=$(curl_kbsd /keys -o body -w '%{http_code}' \
		    -H "Authorization: Bearer $token" \
		    -H 'Content-Type: application/json' \
		    -H 'Accept: application/json' -d '{"key_information":
		    {"algorithm": "AES", "key_length": 256}}')
		case $got in
		50[0-4]) ;;
		*) atf_fail "a key: $got $(cat body)" ;;
		esac
	done
	api 200 GET "/keys/$k"
	kill -0 "$kbsd_pid" || atf_fail "kbsd has ended"
}

# The last page of the log has room for some lines; then there is none.
exhaust()
{
	n=0
	while transfer again; do
		n=$((n + 1))
		[ $n -lt 20 ] || atf_fail "keys without lines"
	done
	[ "$(grep -c '"operation":"transfer".*"verdict":"release"' "$audit")" \
	    -ge $n ] || atf_fail "$n keys, and: $(cat "$audit")"
}

# No line, no key.
withheld()
{
	lines=$(wc -l <"$audit")
	for n in 1 2 3; do
		! transfer leaked || atf_fail "a key without its line"
		[ ! -s leaked ] || atf_fail "a key, and an error"
		grep -q 503 cried || atf_fail "$(cat said cried)"
	done
	[ "$(wc -l <"$audit")" = "$lines" ] || atf_fail "a line"
	grep -q "no audit line" "$log" || atf_fail "the log does not say so"
}

# As before, and with the same material.
serves()
{
	transfer again && cmp -s out again && ctl policy add policy.json \
	    >added 2>cried
}

whole()
{
	wait_for 100 serves ||
	    atf_fail "no service again: $(cat cried; tail -n 20 "$log")"
	login
	api 200 GET "/key-transfer-policies/$p"
	api 200 GET "/key-transfer-policies/$(cat added)"
	audit_intact || atf_fail "audit log"
}

# survives: all of kbsd is killed, and what it acknowledged is there.
survives()
{
	kill -9 "$kbsd_pid" $(kbsd_processes) 2>/dev/null
	wait_for 600 kbsd_is_gone || atf_fail "not dead"
	run_kbsd
	whole
	stop_kbsd
}

daemon_case full "a full disk" "cmp mount mountpoint umount"
full_body()
{
	small_disk
	start_ita
	start_kbsd
	prepare
	fill
	exhaust
	withheld
	refused
	rm -f "$state/fill" "$state/fill2"
	whole
	# and what was acknowledged meanwhile is on the disk
	survives
}
full_cleanup()
{
	leave_nothing
	unmount
}

daemon_case optional "a full disk, when audit is optional" \
    "cmp mount mountpoint umount"
optional_body()
{
	small_disk
	start_ita
	start_kbsd "audit optional"
	prepare
	fill
	n=0
	while [ $n -lt 20 ]; do
		n=$((n + 1))
		transfer again || atf_fail "no key: $(cat cried)"
		cmp out again || atf_fail "another key"
	done
	grep -q "no audit line.*but audit is optional" "$log" ||
	    atf_fail "no alarm"
	rm -f "$state/fill" "$state/fill2"
	whole
	stop_kbsd
}
optional_cleanup()
{
	leave_nothing
	unmount
}

# no_sync 1: from now on each sync of each process fails; 0: none.
no_sync()
{
	printf "\\$1" | dd of=fault bs=1 seek=120 conv=notrunc 2>/dev/null
}

daemon_case sync "a file system that fails to sync" cmp
sync_body()
{
	so=$(cd "$(atf_get_srcdir)/../torture" && pwd)/fault.so
	[ -f "$so" ] || atf_skip "fault.so is not built"
	start_ita
	dd if=/dev/zero of=fault bs=4096 count=1 2>/dev/null
	chmod 666 fault
	write_conf
	export ASAN_OPTIONS="verify_asan_link_order=0:${ASAN_OPTIONS:-}"
	export LD_PRELOAD="$so" FAULT="$dir/fault"
	run_kbsd
	unset LD_PRELOAD FAULT
	prepare
	no_sync 1
	for n in 1 2 3; do
		! transfer leaked || atf_fail "a key without its line"
		[ ! -s leaked ] || atf_fail "a key, and an error"
	done
	refused
	no_sync 0
	whole
	survives
}

atf_init_test_cases()
{
	daemon_add_cases
}
