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


# A child that is hostile to the parent: one after the other, in the place of
# a verifier, a frontend, control and the broker.

. "$(atf_get_srcdir)/../daemon/daemon.sh"

# hostile PROGRAM: kbsd and its programs, with that one replaced.
hostile()
{
	daemon_find
	mkdir programs
	cp "$bin/kbsd" programs
	for p in "$bin"/*; do
		[ -e "programs/${p##*/}" ] || ln -s "$p" programs
	done
	rm "programs/$1"
	cp "$(atf_get_srcdir)/hostile.py" "programs/$1"
	chmod 755 . programs "programs/$1"
	echo 0 >programs/next
	"programs/$1" -l >attacks
	real=$bin
	bin=$(pwd)/programs
}

attacks_done()
{
	[ "$(cat programs/next)" -gt "$(wc -l <attacks)" ]
}

# start_hostile: kbsd, without a word to who may be the hostile one.
start_hostile()
{
	write_conf "prefork 1"
	sed -i '/^administrator/d' "$conf"
	daemon_users
	setsid "$bin/kbsd" -d -f "$conf" >>"$log" 2>&1 &
	kbsd_pid=$!
	echo "$kbsd_pid" >>"$dir/pids"
}

check_parent()
{
	wait_for 900 attacks_done ||
	    atf_fail "after attack $(cat programs/next) nothing happens"
	kill -0 "$kbsd_pid" || atf_fail "kbsd has ended"
	# Each that has to end a child did: it is said, and the child replaced.
	told=$(grep -c 'violation by' "$log")
	must=$(grep -c '^1' attacks)
	[ "$told" -ge "$must" ] || atf_fail "$told violations, not $must"
	! grep -qi 'assert\|sanitizer\|no memory' "$log" ||
	    atf_fail "$(grep -i 'assert\|sanitizer\|no memory' "$log")"
	peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' \
	    "/proc/$kbsd_pid/status")
	fds=$(ls "/proc/$kbsd_pid/fd" | wc -l)
	echo "$told violations, $peak KB, $fds descriptors"
	[ "$peak" -lt 300000 ] || atf_fail "kbsd has grown to $peak KB"
	[ "$fds" -lt 120 ] || atf_fail "kbsd holds $fds descriptors"
}

hostile_case()
{
	atf_test_case "$1" cleanup
	eval "${1}_head()
	{
		atf_set descr \"the parent stands a hostile $1\"
		atf_set require.progs \"python3 curl jq setsid\"
		atf_set timeout 240
	}
	${1}_body()
	{
		hostile $1
		start_hostile
		check_parent
		after_$1
		stop_kbsd
	}
	${1}_cleanup()
	{
		leave_nothing
	}"
}

# Who is not hostile goes on serving.
after_verifier()
{
	ctl show status >said || atf_fail "control does not answer"
	http 200 GET /version
}
after_frontend()
{
	ctl show status >said || atf_fail "control does not answer"
}
after_control()
{
	http 200 GET /version
}
after_broker()
{
	ctl show status >said || atf_fail "control does not answer"
}

for kind in verifier frontend control broker; do
	hostile_case $kind
done

atf_init_test_cases()
{
	for kind in verifier frontend control broker; do
		atf_add_test_case $kind
	done
}
