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

# Ten thousand idle connections, floods and slow clients at once.  This one
# wants the machine for itself.

. "$(atf_get_srcdir)/../daemon/daemon.sh"
. "$(atf_get_srcdir)/clients.sh"

# What a transfer without evidence needs: $key, token.jwt, and in big.jwt a
# signed token whose key has a million bits.
flood_needs()
{
	key=$(ctl key create -a AES -l 256 -p "$(policy)") ||
	    atf_fail "no key"
	held_token
	"$bin/kbsget" -u "https://localhost:$port" -c "$state/tls.crt" \
	    -k "$key" -K pair.pem -t token.jwt -o got || atf_fail "no transfer"
	cp token.jwt good.jwt
	python3 -c 'import sys
sys.stdout.buffer.write(b"\1\0\1\0" + b"\xff" * 125000)' >held
	held_token
	mv token.jwt big.jwt
}

# The key set is asked for when the key is first wanted, and then for unknown
# ones once in a time, however many are named.
certs_asked()
{
	local n

	n=$(curl -sS -m 120 --cacert "$dir/ita/tls-ca.pem" "$ita/stats" |
	    jq '.certs')
	[ "$n" -ge 1 ] && [ "$n" -le 3 ] ||
	    atf_fail "the key set was asked for $n times"
}

# How many idle connections: the frontend wants some descriptors besides, and
# so do we.
idle_count()
{
	local room

	room=$(ulimit -Hn)
	[ "$room" != unlimited ] || room=1048576
	room=$((room - 600))
	[ $room -lt 10000 ] && echo $room || echo 10000
}

# The idle ones have a minute, in which the others come.
daemon_case siege "Idle, flooding and slow clients beside a good one" \
    slowhttptest 400
siege_body()
{
	local n idle

	n=$(idle_count)
	start_ita
	start_kbsd "prefork 1" "connections $((n + 300))"
	flood_needs
	census before

	python3 "$(atf_get_srcdir)/idle.py" "$port" "$state/tls.crt" \
	    "$bin/kbsctl" "$dir/kbsd.sock" $n $((n + 300)) \
	    >idle.said 2>&1 &
	idle=$!
	wait_for 1200 test -e idle.open -o -e idle.failed || :
	[ -e idle.open ] || {
		cat idle.said
		atf_fail "no idle connections"
	}
	client flood 3 "$key" good.jwt big.jwt
	certs_asked
	wait $idle || atf_fail "$(cat idle.said)"
	cat idle.said
	same_processes
}

atf_init_test_cases()
{
	daemon_add_cases
}
