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

# kbsctl at a running daemon: what it shows, what it sees, what shells complete.

. "$(atf_get_srcdir)/daemon.sh"

# holds FILTER FILE: it is true of the JSON in the file
holds()
{
	jq -e "$1" "$2" >/dev/null || {
		jq . "$2"
		atf_fail "not so: $1"
	}
}

# Who is held up for longer than the parent waits is asked again.
shown()
{
	wait_for 20 answers "$@" || atf_fail "show $*: $(cat cried)"
}

answers()
{
	ctl -j show "$@" >said 2>cried
}

# attested FILTER: it comes to be true of the attestation services
attested()
{
	shown attestation
	jq -e "$1" said >/dev/null
}

# fetcher_missed: it alone was not there to answer
fetcher_missed()
{
	answers attestation && got=0 || got=$?
	[ $got = 1 ] && [ "$(cat cried)" = \
	    "kbsctl: fetcher 0 does not answer" ]
}

daemon_case state "what its processes know is shown" "" 120
state_body()
{
	local pid

	start_ita
	start_kbsd 'login { attempts 2 within 5m lockout 15m }' 'prefork 1'
	# A connection that stays, and its requests.
	cat >idle.py <<'PY'
import socket, ssl, sys, time
c = ssl.create_default_context(cafile=sys.argv[2])
c.minimum_version = ssl.TLSVersion.TLSv1_3
s = c.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))),
    server_hostname="localhost")
for i in range(3):
    s.sendall(b"GET /kbs/v1/version HTTP/1.1\r\nHost: a\r\n\r\n")
    s.recv(4096)
open("idle.ready", "w").close()
time.sleep(120)
PY
	python3 idle.py "$port" "$state/tls.crt" &
	echo $! >loads
	wait_for 100 test -e idle.ready || atf_fail "no connection"
	shown sessions
	holds '.[] | select(.state == "idle") | .address == "127.0.0.1" and
	    .requests == 3 and .tls == "TLSv1.3" and
	    (.cipher | startswith("TLS_"))' said
	shown sessions -a
	holds 'length == 1 and .[0].requests >= 3' said
	# Its keys are fetched when kbsd is ready already.
	good='length == 1 and .[0].attestation == "ita" and
	    .[0].service.state == "answers" and .[0].root.state ==
	    "configured" and (.[0].verifiers | length) >= 1 and
	    all(.[0].verifiers[]; .keys > 0 and .state == "good")'
	wait_for 600 attested "$good" || holds "$good" said
	shown certificates
	holds '[.[] | .use] | sort == ["ca", "own", "root"]' said
	holds '.[] | select(.use == "own") | .names | index("DNS:localhost")' \
	    said
	[ "$(jq -r '.[] | select(.use == "own") | .sha256' said)" = \
	    "$(openssl x509 -in "$state/tls.crt" -noout -fingerprint -sha256 |
	    sed 's/.*=//; s/://g' | tr A-F a-f)" ] || atf_fail "another one"
	shown limits
	holds '.[] | select(.limit == "connections") | .used >= 1 and
	    .value > 100' said
	holds '.[] | select(.limit == "failed logins until a lockout") |
	    .value == 2' said
	# Locked out, seen, and let in again.
	for i in 1 2; do
		jq -n '{username: "ann", password: "wrong password"}' >bad
		http 401 POST /token -H 'Content-Type: application/json' \
		    -H 'Accept: application/jwt' -d @bad
	done
	shown lockouts
	holds 'length == 1 and .[0].name == "ann" and .[0].locked and
	    .[0].failures == 2' said
	exits 0 ctl unlock ann
	shown lockouts
	holds 'length == 0' said
	# Who does not answer is named; what is known is shown.
	pid=$(pid_of fetcher)
	kill -STOP "$pid"
	wait_for 20 fetcher_missed || atf_fail "$got: $(cat cried)"
	kill -CONT "$pid"
	holds '.[0].service == null and (.[0].verifiers | length) >= 1' said
	# The service goes away.
	stop_ita
	held_token
	kbsget -k "$(ctl key create -a AES -p "$(policy)")" \
	    -q "$standin/tee -d $dir/tee -t tdx" -o out >/dev/null 2>&1 || :
	shown attestation
	holds '.[0].service | .state == "failing" and
	    (.trouble | length) > 0 and .last_failure != null' said
	stop_kbsd
}

daemon_case watched "requests are seen as they end" "" 120
watched_body()
{
	local key slow quick i

	start_ita
	start_kbsd 'prefork 1'
	held_token
	key=$(ctl key create -a AES -p "$(policy)")
	# Not ctl, which would be a shell's pid.
	"$bin/kbsctl" -s kbsd.sock -j monitor >seen &
	quick=$!
	"$bin/kbsctl" -s kbsd.sock -j monitor >slowly &
	slow=$!
	echo "$quick $slow" >loads
	# It watches when it sees itself asked about.
	wait_for 100 sees 'select(.operation == "key search")' ||
	    atf_fail "nothing is seen"
	get_key "$key" out || atf_fail "no key"
	http 404 POST "/keys/00000000-0000-4000-8000-000000000000/transfer" \
	    -H 'Accept: application/json'
	login
	ctl key delete "$key"
	wait_for 100 sees 'select(.operation == "key delete")' ||
	    atf_fail "$(cat seen)"
	sees "select(.operation == \"transfer\" and .outcome == \"nonce\" and
	    .object == \"$key\" and .client == \"127.0.0.1\")" ||
	    atf_fail "no nonce: $(cat seen)"
	sees "select(.outcome == \"released\" and .object == \"$key\" and
	    .tee == \"TDX\" and .status == 200 and
	    (.front | startswith(\"frontend\")))" ||
	    atf_fail "no release: $(cat seen)"
	sees 'select(.outcome == "refused" and .status == 404)' ||
	    atf_fail "no refusal: $(cat seen)"
	sees 'select(.operation == "login" and .who == "admin" and
	    .outcome == "done")' || atf_fail "no login: $(cat seen)"
	! grep -e "$password" -e "$(cat body)" seen ||
	    atf_fail "it tells secrets"
	# Its id is that of the audit log.
	grep -q "$(jq -r 'select(.outcome == "released") | .request' seen)" \
	    "$audit" || atf_fail "no such request: $(cat seen)"
	# One that stands still is told what it missed, and holds up nobody.
	kill -STOP "$slow"
	python3 - "$dir/kbsd.sock" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rb")
for i in range(0, 2200, 100):
    s.sendall(b"".join(b'{"command":"policy show",'
        b'"id":"00000000-0000-4000-8000-%012d"}\n' % n
        for n in range(i, i + 100)))
    for n in range(100):
        if b'"status":404' not in f.readline():
            sys.exit("no answer")
PY
	wait_for 100 sees_last || atf_fail "$(tail -n 1 seen)"
	kill -CONT "$slow"
	wait_for 100 grep -q '^{"lost":[1-9]' slowly ||
	    atf_fail "nothing was lost: $(tail -n 1 slowly)"
	# Over a reload, and to the end.
	ctl reload >/dev/null
	wait_for 200 sees 'select(.operation == "user search")' ||
	    atf_fail "not seen after a reload: $(cat log)"
	kill -INT "$quick"
	wait "$quick" || atf_fail "ended with $?"
	kill "$slow"
	wait "$slow" || :
	! grep -i violation log || atf_fail "the log tells of it"
	stop_kbsd
}

# Has a line come that fits?  Meanwhile something is asked.
sees()
{
	ctl -j show keys >/dev/null && ctl -j show users >/dev/null
	[ -n "$(tail -n 100 seen | jq -c "$1" 2>/dev/null)" ]
}

# The last of very many may have been lost, and is asked for again.
sees_last()
{
	! ctl policy show 00000000-0000-4000-8000-000000002199 >said 2>&1 ||
	    atf_fail "there is one: $(cat said)"
	sees 'select(.operation == "policy find" and
	    (.object | endswith("2199")))'
}

# What bash makes of a line that is begun.
in_bash()
{
	PATH=$bin:$PATH bash --norc -c '
		. "$1"
		COMP_LINE=$2 COMP_POINT=${#2}
		read -r -a COMP_WORDS <<<"${2//@/ @ }"
		[[ $2 == *" " ]] && COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_kbsctl kbsctl
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$src/etc/kbsctl.bash" "$1"
}

in_zsh()
{
	PATH=$bin:$PATH zsh -f -c '
		compadd() { shift; print -l -- "${(@P)1}"; }
		_files() { print -l -- FILES; }
		words=(${(s: :)2})
		[[ $2 == *" " ]] && words+=("")
		CURRENT=$#words
		. $1
	' zsh "$src/etc/_kbsctl" "$1"
}

daemon_case completed "shells complete words and names" "bash" 60
completed_body()
{
	start_kbsd 'prefork 1'
	key=$(ctl key create -a AES)
	ctl user add ann@example.org -p "$dir/admin.password" all >/dev/null
	set -- "kbsctl sh" show "kbsctl show sess" sessions \
	    "kbsctl key create -a R" RSA \
	    "kbsctl -s $dir/kbsd.sock key show ${key%????}" "$key" \
	    "kbsctl -s $dir/kbsd.sock unlock ann" ann@example.org
	while [ $# -gt 0 ]; do
		[ "$(in_bash "$1")" = "$2" ] ||
		    atf_fail "bash: $1: $(in_bash "$1")"
		! command -v zsh >/dev/null || [ "$(in_zsh "$1")" = "$2" ] ||
		    atf_fail "zsh: $1: $(in_zsh "$1")"
		shift 2
	done
	# bash takes name, @ and example for three words.
	[ "$(in_bash "kbsctl -s $dir/kbsd.sock unlock ann@ex")" = \
	    example.org ] || atf_fail "a name with an @"
	in_bash "kbsctl policy add " | grep -qx kbsd.conf ||
	    atf_fail "no files"
	! command -v zsh >/dev/null ||
	    in_zsh "kbsctl policy add " | grep -qx FILES ||
	    atf_fail "zsh: no files"
	# Without a daemon: what the table knows, and no noise.
	[ -z "$(in_bash "kbsctl -s nowhere key show " 2>&1)" ] ||
	    atf_fail "noise"
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
