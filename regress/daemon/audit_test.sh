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

# The audit log of a running kbsd: it goes on in new files, under load, when it
# is removed and when kbsd is killed meanwhile, and no line is lost; sinks that
# nobody reads stop nobody.

. "$(atf_get_srcdir)/daemon.sh"

prepare()
{
	start_ita
	start_kbsd "$@"
	p=$(policy) || atf_fail "no policy"
	k=$(ctl key create -a AES -l 256 -p "$p") || atf_fail "no key"
	held_token
	transfer || atf_fail "no transfer: $(cat cried)"
}

transfer()
{
	rm -f out
	kbsget -k "$k" -K pair.pem -t token.jwt -o out >said 2>cried
}

# All files that the log was in are whole, and nothing is between them.
whole()
{
	ctl audit verify "$audit" "$audit".* >said 2>cried ||
	    atf_fail "$(cat said cried)"
	grep -q "^whole: lines 1 to" said || atf_fail "$(cat said)"
}

releases()
{
	cat "$audit" "$audit".* | grep -c '"verdict":"release"'
}

logged()
{
	grep -q "$1" "$log"
}

daemon_case rotate "rotation under load: no line is lost" jq
rotate_body()
{
	prepare
	start_load "$k"
	n=1
	while [ $n -le 6 ]; do
		mv "$audit" "$audit.$n"
		if [ $((n % 2)) = 0 ]; then
			ctl log reopen || atf_fail "not reopened"
			# whoever compresses it may begin
			sum=$(cksum <"$audit.$n")
			sleep 0.3
			[ "$(cksum <"$audit.$n")" = "$sum" ] ||
			    atf_fail "written to behind its end"
		else
			kill -USR1 "$kbsd_pid"
			wait_for 50 test -s "$audit" || atf_fail "no log"
		fi
		n=$((n + 1))
	done
	# while two sets append to it
	ctl reload
	mv "$audit" "$audit.7"
	wait_for 50 ctl log reopen || atf_fail "not reopened"
	stop_load
	jq -e '.failed == []' load.json >said || atf_fail "$(cat load.json)"
	whole
	[ "$(releases)" -ge "$(jq '.done.token // .done.transfer // 1' \
	    load.json)" ] || atf_fail "$(releases): $(cat load.json)"
	stop_kbsd
	whole
}

daemon_case again "asked to open it anew while it is being opened anew"
again_body()
{
	prepare
	pid=$(pid_of audit)
	mv "$audit" "$audit.1"
	kill -STOP "$pid"
	kill -USR1 "$kbsd_pid"
	wait_for 50 test -e "$audit" || atf_fail "no log"
	mv "$audit" "$audit.2"
	ctl log reopen >said 2>&1 &
	asked=$!
	sleep 0.3
	kill -0 "$asked" || atf_fail "it did not wait: $(cat said)"
	kill -CONT "$pid"
	wait "$asked" || atf_fail "$(cat said)"
	[ -e "$audit" ] || atf_fail "the newest was passed over"
	transfer || atf_fail "no transfer: $(cat cried)"
	[ -s "$audit" ] || atf_fail "it is written elsewhere"
	whole
	# It can't be opened the second time.
	mv "$audit" "$audit.3"
	kill -STOP "$pid"
	kill -USR1 "$kbsd_pid"
	wait_for 50 test -e "$audit" || atf_fail "no log"
	mv "$audit" "$audit.4"
	mkdir "$audit"
	ctl log reopen >said 2>&1 &
	asked=$!
	sleep 0.3
	kill -CONT "$pid"
	! wait "$asked" || atf_fail "it is done?"
	atf_check -o match:"can't be opened" cat said
	rmdir "$audit"
	exits 0 ctl log reopen
	transfer || atf_fail "no transfer: $(cat cried)"
	whole
	stop_kbsd
}

daemon_case removed "a log that is removed, or moved and nobody says so"
removed_body()
{
	prepare
	rm "$audit"
	wait_for 100 logged "audit log $audit was removed" ||
	    atf_fail "no alarm"
	wait_for 100 test -s "$audit" || atf_fail "no log"
	[ -s "$audit".removed-* ] || atf_fail "its lines are not kept"
	transfer || atf_fail "no transfer: $(cat cried)"
	whole
	mv "$audit" "$audit.1"
	wait_for 100 logged "was moved away" || atf_fail "not said"
	wait_for 100 test -s "$audit" || atf_fail "no log"
	cp "$audit" other
	mv other "$audit"
	transfer || atf_fail "no transfer: $(cat cried)"
	wait_for 100 test -s "$audit" || atf_fail "no log"
	stop_kbsd
}

daemon_case cut "a log that is cut while kbsd runs"
cut_body()
{
	prepare
	ctl audit verify >said || atf_fail "$(cat said)"
	sleep 0.3
	lines=$(wc -l <"$audit")
	sed -i "$((lines - 1)),\$d" "$audit"
	# the file is another one now, and ends too early
	ctl audit verify "$audit" >said && atf_fail "whole"
	wait_for 100 logged "was removed\|was moved away" ||
	    atf_fail "not seen"
	transfer || atf_fail "no transfer: $(cat cried)"
	# in its place
	: >"$audit"
	transfer || atf_fail "no transfer: $(cat cried)"
	wait_for 50 logged "was cut or changed" || atf_fail "not said"
	ctl audit verify "$audit" >said && atf_fail "whole"
	stop_kbsd
}

daemon_case killed "kbsd is killed while its log is moved" "" 120
killed_body()
{
	prepare
	n=1
	while [ $n -le 6 ]; do
		transfer || atf_fail "no transfer: $(cat cried)"
		mv "$audit" "$audit.$n"
		# before it hears of it, and a little later each time
		[ $n = 1 ] || kill -USR1 "$kbsd_pid"
		case $n in
		[34]) wait_for 50 test -e "$audit" ;;
		[56]) wait_for 50 test -s "$audit" ;;
		esac
		kill -9 "$kbsd_pid" $(kbsd_processes) 2>/dev/null
		wait_for 50 kbsd_is_gone || atf_fail "not dead"
		run_kbsd
		n=$((n + 1))
	done
	transfer || atf_fail "no transfer: $(cat cried)"
	whole
	# the audit process alone
	transfer
	kill -9 "$(pid_of audit)"
	mv "$audit" "$audit.$n"
	kill -USR1 "$kbsd_pid"
	wait_for 100 test -s "$audit" || atf_fail "no log"
	wait_for 100 transfer || atf_fail "no transfer: $(cat cried)"
	whole
	stop_kbsd
}

# collector NAME TYPE: reads what comes to NAME into NAME.got, while NAME.read
# is there.
collector()
{
	touch "$1.read"
	python3 - "$1" "$2" <<'PY' &
import os, select, socket, sys, time
name, kind = sys.argv[1:3]
if os.path.exists(name):
    os.unlink(name)
s = socket.socket(socket.AF_UNIX, getattr(socket, "SOCK_" + kind))
s.bind(name)
out = open(name.replace("/", "_") + ".got", "ab", 0)
if kind == "STREAM":
    s.listen(1)
    s = s.accept()[0]
while os.getppid() != 1:
    if not os.path.exists(name.replace("/", "_") + ".read"):
        time.sleep(0.05)
    elif select.select([s], [], [], 0.05)[0]:
        data = s.recv(65536)
        if not data:
            break
        out.write(data if kind == "STREAM" else data + b"\n")
PY
	echo $! >>loads
}

got_last()
{
	[ "$(tail -n 1 "$1" | jq -r .n 2>/dev/null)" = \
	    "$(tail -n 1 "$audit" | jq -r .n)" ]
}

# Lines may have come to the log since the last of one was looked at.
got_all()
{
	cmp -s datagrams.got "$audit" && cmp -s stream.got "$audit"
}

daemon_case sinks "collectors that come late, stop reading and go"
sinks_body()
{
	daemon_find
	prepare "audit socket \"$dir/datagrams\"" \
	    "audit socket \"$dir/stream\""
	wait_for 50 logged "datagrams: audit lines for it are kept" ||
	    atf_fail "not said"
	ln -s "$dir" d
	cd d
	collector datagrams DGRAM
	collector stream STREAM
	# also those from before they were there
	wait_for 100 got_last datagrams.got || atf_fail "$(cat datagrams.got)"
	wait_for 100 got_last stream.got || atf_fail "$(cat stream.got)"
	wait_for 100 got_all || atf_fail "not the log"
	rm datagrams.read stream.read
	n=0
	while [ $n -lt 30 ]; do
		n=$((n + 1))
		transfer || atf_fail "no transfer: $(cat cried)"
	done
	touch datagrams.read stream.read
	wait_for 100 got_last datagrams.got || atf_fail "datagrams"
	wait_for 100 got_last stream.got || atf_fail "stream"
	wait_for 100 got_all || atf_fail "not the log"
	ctl audit verify >said || atf_fail "$(cat said)"
	stop_kbsd
}

daemon_case syslog "lines go to syslog"
syslog_body()
{
	is_root && [ ! -e /dev/log ] || atf_skip "/dev/log is not ours"
	ln -s /dev/log devlog
	touch _dev_log.read
	collector /dev/log DGRAM
	wait_for 50 test -S /dev/log
	prepare "audit syslog local3"
	wait_for 100 grep -q '<158>kbsd: audit: {"n":1,' _dev_log.got ||
	    atf_fail "$(cat _dev_log.got)"
	transfer || atf_fail "no transfer: $(cat cried)"
	stop_kbsd
	touch done
}
syslog_cleanup()
{
	leave_nothing
	[ ! -L devlog ] || rm -f /dev/log
}

# What strangers send, in each field that is logged; $1: the log's format.
hostile_requests()
{
	local bad

	bad=$(printf '\033[2J\007\302\233\342\200\256"\\,level=x')
	curl_kbsd "/$(printf '%s' "$bad" | jq -sRr @uri)" -o body
	curl_kbsd "/a%0d%0ab%1b%5bm" -o body
	printf 'GET /kbs/v1/\033[31m"\\ HTTP/1.1\r\nHost: x\r\n\r\n' |
	    openssl s_client -quiet -connect "127.0.0.1:$port" \
	    -CAfile "$state/tls.crt" >body 2>cried || :
	for name in "$bad" "admin" "x$(printf '\n')kbsd: forged"; do
		jq -n --arg u "$name" '{username: $u,
		    password: "canary-password"}' >login.json
		curl_kbsd /token -o body -d @login.json \
		    -H 'Content-Type: application/json' \
		    -H 'Accept: application/jwt'
	done
	curl_kbsd /keys -o body -H "Accept: application/json" \
	    -H 'Authorization: Bearer canary-bearer'
	curl_kbsd /keys -o body -H "Accept: application/json" \
	    -H 'Authorization: Basic canary-basic'
	curl_kbsd "/keys/$k/transfer" -o body -H 'Accept: application/json' \
	    -H 'Content-Type: application/json' \
	    -d '{"attestation_token": "canary.attestation.token"}'
}

# From the first line of this format on each is whole, and none says a secret.
log_is_safe()
{
	python3 - "$log" "$1" <<'PY' || atf_fail "$(tail -n 5 "$log")"
import json, re, sys
lines = open(sys.argv[1], "rb").read().split(b"\n")
n = 0
for line in lines[:-1]:
    text = line.decode("ascii")
    if any(c < " " or c > "~" for c in text.replace("\t", "")):
        sys.exit("a control character: %r" % text)
    if sys.argv[2] == "json":
        o = json.loads(text)
        if not {"time", "level", "process", "msg"} <= set(o):
            sys.exit("not all fields: %s" % text)
    elif not re.fullmatch(r'time=[-0-9T:.]+Z level=[a-z]+ process=[a-z]+'
                          r'( instance=\d+)?( request=[-0-9a-f]{25})?'
                          r'( trace=[0-9a-f]{32})? '
                          r'msg="([^"\\]|\\.)*"', text):
        sys.exit("no fields: %s" % text)
    n += 1
sys.exit(0 if n > 20 else "%d lines" % n)
PY
	for secret in "$password" canary-password canary-bearer canary-basic \
	    attestation.token "$token" "$(cat token.jwt)" \
	    "$(cat "$dir/vault/token")" "$(cat "$dir/ita/api.key")" \
	    "$(base64 -w 0 out)"; do
		! grep -qF -e "$secret" "$log" "$audit" ||
		    atf_fail "a secret: $secret"
	done
}

trace=4bf92f3577b34da6a3ce929d0e0e4736

traced()
{
	curl_kbsd "/keys/$k/transfer" -o body -w '%{http_code}' \
	    -H 'Accept: application/json' \
	    -H 'Content-Type: application/json' "$@" -d @transfer.json
}

# With logs in JSON, and traces, which also go to Vault and to the service.
daemon_case logs "lines for programs, hostile text and traces" "openssl" 120
logs_body()
{
	start_ita
	start_vault
	start_kbsd "log format json" "verbose 2" "$(keystore_vault)"
	p=$(policy) || atf_fail "no policy"
	k=$(ctl key create -a AES -l 256 -p "$p") || atf_fail "no key"
	held_token
	transfer || atf_fail "no transfer: $(cat cried)"
	login
	jq -n --rawfile t token.jwt '{attestation_token: ($t | rtrimstr("\n"))}' \
	    >transfer.json
	[ "$(traced -H "traceparent: 00-$trace-00f067aa0ba902b7-01")" = 200 ] ||
	    atf_fail "$(cat body)"
	[ "$(traced -H "traceparent: 00-$(echo $trace | tr a-f A-F \
	    )-00f067aa0ba902b7-01")" = 200 ] || atf_fail "$(cat body)"
	[ "$(traced -H "traceparent: 00-$trace-00f067aa0ba902b7-01" \
	    -H "traceparent: 00-$trace-00f067aa0ba902b7-01")" = 200 ] ||
	    atf_fail "$(cat body)"
	# a nonce is of the service
	curl_kbsd "/keys/$k/transfer" -X POST -o body \
	    -H 'Accept: application/json' \
	    -H "traceparent: 00-$trace-00f067aa0ba902b7-00"
	grep -q signature body || atf_fail "no nonce: $(cat body)"
	wait_for 50 grep -q '"event":"outcome".*released' "$audit"
	[ "$(grep -c "\"trace\":\"$trace\"" "$audit")" = 2 ] ||
	    atf_fail "$(cat "$audit")"
	[ "$(grep -c "\"trace\":\"$trace\"" "$log")" = 2 ] ||
	    atf_fail "the log's traces: $(grep -c $trace "$log")"
	ctl -j audit show --trace $trace >said && [ "$(wc -l <said)" = 2 ] ||
	    atf_fail "$(cat said)"
	grep -q "traceparent 00-$trace-[0-9a-f]\{16\}-01 of /v1/" \
	    "$dir/vault/log" || atf_fail "not at Vault: $(cat "$dir/vault/log")"
	[ "$(grep -c traceparent "$dir/vault/log")" = 1 ] ||
	    atf_fail "more: $(cat "$dir/vault/log")"
	grep -q "traceparent 00-$trace-[0-9a-f]\{16\}-00 of .*nonce" \
	    "$dir/ita/log" || atf_fail "not there: $(cat "$dir/ita/log")"
	! grep -q 00f067aa0ba902b7 "$dir/vault/log" "$dir/ita/log" ||
	    atf_fail "the client's parent id"
	hostile_requests
	log_is_safe json
	# a reload changes the format
	sed -i 's/^log format.*/log format "key=value"/' "$conf"
	ctl reload || atf_fail "no reload"
	wait_for 200 logged '^time=.*configuration 2 is serving' ||
	    atf_fail "no reload"
	hostile_requests
	log_all=$log
	grep -v '^{' "$log_all" >only
	log=only
	log_is_safe keys
	log=$log_all
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
