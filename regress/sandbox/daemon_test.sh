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


# The sandbox of a running daemon as the kernel tells it, to root, which alone
# may look into processes that are not dumpable.

. "$(atf_get_srcdir)/../daemon/daemon.sh"

# Each child: its title is "kbsd: KIND INSTANCE".
children()
{
	pgrep -P "$kbsd_pid"
}

kind_of()
{
	tr '\0' '\n' <"/proc/$1/cmdline" |
	    sed -n '1s/^kbsd: \([a-z]*\) .*/\1/p'
}

# field PID NAME
field()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

check_kinds()
{
	for p in $(children); do
		kind_of "$p"
	done | sort -u | tr '\n' ' ' >kinds
	atf_check -o inline:"audit auth broker control engine fetcher \
frontend gate hasher kms maker metrics signer store verifier " cat kinds
}

# What all have, however kbsd was started.
check_status()
{
	for p in $(children); do
		for want in Seccomp:2 NoNewPrivs:1 \
		    CapInh:0000000000000000 CapPrm:0000000000000000 \
		    CapEff:0000000000000000 CapAmb:0000000000000000; do
			[ "$(field "$p" "${want%:*}")" = "${want#*:}" ] ||
			    echo "$(kind_of "$p"): ${want%:*} is" \
			    "$(field "$p" "${want%:*}")"
		done
		[ "$(field "$p" Threads)" = 1 ] ||
		    echo "$(kind_of "$p") has threads"
	done >wrong
	atf_check cat wrong
}

# One of two users, real to saved, and its group alone.
check_users()
{
	for p in $(children); do
		case $(kind_of "$p") in
		frontend|gate|metrics|control|broker|verifier|fetcher) u=_kbsd ;;
		*) u=_kbsdkey ;;
		esac
		uid=$(id -u $u)
		gid=$(id -g $u)
		[ "$(field "$p" Uid | tr '\t' ' ')" = "$uid $uid $uid $uid" ] &&
		    [ "$(field "$p" Gid | tr '\t' ' ')" = \
		    "$gid $gid $gid $gid" ] &&
		    [ "$(field "$p" Groups | tr -d ' ')" = "$gid" ] ||
		    echo "$(kind_of "$p") is not $u alone"
		root=$(readlink "/proc/$p/root")
		case $(kind_of "$p") in
		store) want=$state/store ;;
		kms) want=${kms_root:-$state/kms-local} ;;
		*) want=$state/empty ;;
		esac
		[ "$root" = "$want" ] || echo "$(kind_of "$p") stands in $root"
	done >wrong
	atf_check cat wrong
	atf_check ls -A "$state/empty"
}

# What a kind has open: sockets besides its log, files.  A socket is an edge or
# a listener; the fetcher has connections too, as many as it needs.
open_of()
{
	case $1 in
	signer) echo 5 ;;
	auth) echo 9 ;;
	hasher) echo 2 ;;
	broker) echo 14 ;;
	store) echo 2 store.db store.db-shm store.db-wal ;;
	audit) echo 3 audit.log ;;
	control) echo 7 ;;
	verifier) echo 5 ;;
	engine) echo 11 ;;
	maker) echo 7 ;;
	kms) echo 5 keys.db keys.db-shm keys.db-wal ;;
	frontend) echo 8 ;;
	gate) echo 6 ;;
	metrics) echo 2 ;;
	fetcher) echo some ;;
	esac
}

# 0 and 1 are nothing, 2 the log, 3 the parent; one epoll(7), one pipe for
# signals; no directory, no device, no secret file.
open_wrong()
{
	for p in $(children); do
		k=$(kind_of "$p")
		for n in 0 1 2; do
			readlink "/proc/$p/fd/$n"
		done | sed 's/:.*//' | tr '\n' ' ' >fds
		for f in /proc/$p/fd/*; do
			[ "${f##*/}" -gt 2 ] || continue
			readlink "$f"
		done | sed 's,.*/,,; s/:\[[0-9]*\]$//' | sort | uniq -c |
		    awk -v k="$k" '
			$2 == "socket" { sockets = $1; next }
			$2 == "pipe" && $1 == 2 { next }
			$2 == "anon_inode:[eventpoll]" && $1 == 1 { next }
			{ files = files " " $2 }
			END { print (k == "fetcher" ? "some" : sockets) \
			    files }' >>fds
		printf '/dev/null /dev/null socket %s\n' "$(open_of "$k")" |
		    cmp -s - fds || echo "$k has $(cat fds)," \
		    "not $(open_of "$k")"
	done
}

# An edge may not have come to who is to have it, nor its other end be closed.
nothing_wrong()
{
	open_wrong >wrong
	[ ! -s wrong ]
}

check_open()
{
	wait_for 300 nothing_wrong || atf_fail "$(cat wrong)"
}

check_environment()
{
	for p in $(children); do
		! tr '\0' '\n' <"/proc/$p/environ" | grep -q = ||
		    echo "$(kind_of "$p") has an environment"
		python3 - "$p" "$1" <<'PYTHON'
import re, sys
pid, canary = sys.argv[1], sys.argv[2].encode()
with open(f"/proc/{pid}/mem", "rb") as mem:
    for line in open(f"/proc/{pid}/maps"):
        low, high, mode = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
        if mode[0] != "r" or "[v" in line:
            continue
        mem.seek(int(low, 16))
        if canary in mem.read(int(high, 16) - int(low, 16)):
            print(pid, "holds what was in the environment:", line)
PYTHON
	done >wrong
	atf_check cat wrong
}

check_limits()
{
	for p in $(children); do
		for limit in "core file size" processes; do
			grep -q "^Max $limit  *0  *0 " "/proc/$p/limits" ||
			    echo "$(kind_of "$p"): limit of $limit"
		done
	done >wrong
	atf_check cat wrong
}

start()
{
	start_ita
	start_kbsd "listen on 127.0.0.1 port $(free_port) role transfer" \
	    "metrics on 127.0.0.1 port $(free_port)" "$@"
}

check_all()
{
	check_kinds
	check_status
	check_users
	check_limits
	check_open
	check_environment "$KBSD_CANARY"
}

atf_test_case root cleanup
root_head()
{
	atf_set descr "each child of a daemon that root started"
	atf_set require.user root
	atf_set require.progs "python3 pgrep setsid"
}
root_body()
{
	KBSD_CANARY=e7a1c0ffee5ec2e7$$
	export KBSD_CANARY
	start
	check_all
	stop_kbsd
}
root_cleanup()
{
	leave_nothing
}

atf_test_case module cleanup
module_head()
{
	atf_set descr "the same with a kms that has loaded a module"
	atf_set require.user root
	atf_set require.progs "python3 pgrep setsid softhsm2-util"
}
module_body()
{
	KBSD_CANARY=e7a1c0ffee5ec2e7$$
	export KBSD_CANARY
	start_token
	start "$(keystore_pkcs11)"
	# It has been used, so it has opened what it opens.
	exits 0 ctl keystore check
	kms_root=/
	check_all
	stop_kbsd
}
module_cleanup()
{
	leave_nothing
}

atf_init_test_cases()
{
	atf_add_test_case root
	atf_add_test_case module
}
