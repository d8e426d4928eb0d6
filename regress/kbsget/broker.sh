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

# What tests of kbsget against a small broker (broker.py) share.

KEYID=6e5cdd29-4c1e-4f0b-9f4b-1d3ac1b0d9c2
PYTHON=/usr/bin/python3

# certificate NAME SUBJECTALTNAME DAYS
certificate()
{
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout $1.key -out $1.csr -subj "/CN=$1" 2>/dev/null || return 1
	printf 'subjectAltName=%s\n' "$2" >$1.ext
	openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key \
	    -CAcreateserial -days $3 -extfile $1.ext -out $1.crt 2>/dev/null
}

# start PORTFILE CERTIFICATE [TLSVERSION [PORT]]
start()
{
	$PYTHON "$(atf_get_srcdir)/broker.py" $2 $1 "${3:-1.3}" $KEYID \
	    ${4:-0} >broker.out 2>&1 &
	echo $! >>pids
	n=0
	while [ ! -e $1 ]; do
		n=$((n + 1))
		[ $n -lt 900 ] ||
		    atf_fail "no broker: $(cat broker.out)"
		sleep 0.1
	done
}

prepare()
{
	KBSGET=$(cd "$(atf_get_srcdir)/../.." && pwd)/bin/kbsget
	[ -x "$KBSGET" ] || atf_skip "no $KBSGET"
	$PYTHON -c 'import cryptography' 2>/dev/null ||
	    atf_skip "python3-cryptography is missing"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout ca.key -out ca.crt -days 2 -subj /CN=ca 2>/dev/null ||
	    atf_fail "no CA"
	certificate server "DNS:localhost,IP:127.0.0.1" 2 ||
	    atf_fail "no certificate"
	: >requests
	start port server
	URL=https://localhost:$(cat port)
	for i in 0 1 2 3; do
		for j in 0 1 2 3 4 5 6 7; do
			printf "\\$(printf %03o $((i * 8 + j)))"
		done
	done >aes
	printf aa.bb-_.cc >token
	"$KBSGET" -g -K key.pem -H held.bin || atf_fail "no key pair"
}

cleanup()
{
	[ ! -e pids ] || kill $(cat pids)
}

# get STATUS ERRORTEXT HOW [OPTION ...]
get()
{
	status=$1 text=$2 how=$3
	shift 3
	atf_check -s exit:$status -o empty -e "$text" "$KBSGET" -c ca.crt \
	    -u "$URL/$how" -k $KEYID -o out "$@"
	[ $status -eq 0 ] || [ ! -e out ] || atf_fail "$how: a file"
	[ -z "$(ls out.* 2>/dev/null)" ] || atf_fail "$how: left behind"
}
