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

# A new configuration in a running kbsd: a second set of processes takes over,
# and nobody who asks something meanwhile sees it.

. "$(atf_get_srcdir)/daemon.sh"

status()
{
	ctl -j show status | jq -r ".$1"
}

sets_are()
{
	[ "$(status sets)" = "$1" ]
}

configuration_is()
{
	[ "$(status configuration)" = "$1" ]
}

# The old set has gone, and the new one is this number.
reloaded()
{
	wait_for 400 configuration_is "$1" &&
	    wait_for 400 sets_are 1 || {
		tail "$log"
		atf_fail "configuration $(status configuration), \
sets $(status sets); wanted $1"
	}
}

prepare()
{
	start_ita
	start_kbsd "$@"
	p=$(policy) || atf_fail "no policy"
	k=$(ctl key create -a AES -l 256 -p "$p") || atf_fail "no key"
}

# pair NAME: a certificate for this machine, of the CA that load.py trusts
pair()
{
	(
		umask 077
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		    -nodes -keyout srv.key.new -out srv.csr \
		    -subj "/CN=$1" 2>/dev/null &&
		    openssl x509 -req -in srv.csr -CA srv-ca.pem \
		    -CAkey srv-ca.key -CAcreateserial -days 9 \
		    -extfile srv.ext -out srv.pem.new 2>/dev/null
	) || atf_fail "no certificate"
	mv srv.key.new srv.key
	mv srv.pem.new srv.pem
}

# again TEXT [LINES]: a reload says that, in so many lines, and so does the log
again()
{
	n=$((n + 1))
	exits 0 ctl reload
	grep -q "$1" said && [ "$(wc -l <said)" = "${2:-1}" ] ||
	    atf_fail "$1: $(cat said)"
	reloaded $n
	grep -q "reload: ${1#^}" "$log" || atf_fail "not logged: $1"
}

daemon_case under_load \
    "six reloads under load, each with a change: no request fails"
under_load_body()
{
	echo 'subjectAltName=DNS:localhost,IP:127.0.0.1' >srv.ext
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -keyout srv-ca.key -out srv-ca.pem -days 9 -subj /CN=ca \
	    2>/dev/null || atf_fail "no CA"
	pair one
	start_ita
	cp -p ita/api.key ita/tls-ca.pem .
	write_conf 'tls watch off' \
	    "tls certificate \"$PWD/srv.pem\" key \"$PWD/srv.key\""
	sed -i "s,$dir/ita/api.key,$PWD/api.key,
	    s,$dir/ita/tls-ca.pem,$PWD/tls-ca.pem," "$conf"
	run_kbsd
	cp srv-ca.pem "$state/tls.crt"	# what clients here trust
	p=$(policy) || atf_fail "no policy"
	k=$(ctl key create -a AES -l 256 -p "$p") || atf_fail "no key"
	before=$(kbsd_processes | wc -l)
	start_load "$k" kbsget
	n=2
	kill -HUP "$kbsd_pid"
	reloaded 2
	grep -q "reload: nothing changed" "$log" || atf_fail "$(cat "$log")"
	pair two
	again "^tls certificate .* changed: certificate serial .*, was serial"
	cp -p ita/api.key api.new && mv api.new api.key
	again '^attestation "ita" changed: api key file$'
	cp ita/tls-ca.pem ca.new && mv ca.new tls-ca.pem
	again '^attestation "ita" changed: ca$'
	sed -i 's/retry wait 1s to 1s/retry wait 1s to 2s/' "$conf"
	echo 'login { attempts 9 within 5m }' >>"$conf"
	again '^login attempts 9, was 5$' 2
	printf 'keystore "local" local\nkeystore "two" local\n' >>"$conf"
	again '^keystore "two" added$'
	# However slow the machine is, all kinds of work are done.
	wait_for 300 test -e load.enough || atf_fail "too little is done"
	stop_load
	jq -e '.failed == []' load.json >failed ||
	    atf_fail "$(jq .failed load.json; tail -n 60 "$log")"
	# Connections were told to end.
	jq -e '.closed >= 5' load.json || atf_fail "too few were closed"
	# No secret was said.
	! grep -qF "$(cat api.key)" "$log" || atf_fail "the API key"
	# One more for the second keystore.
	[ "$(kbsd_processes | wc -l)" = $((before + 1)) ] ||
	    atf_fail "$before processes before: $(ps -o pid,args -s "$kbsd_pid")"
	[ "$(status restarts)" = 0 ] || atf_fail "$(cat "$log")"
	audit_intact || atf_fail "audit log"
	login
	for id in $(jq -r '.policies[]' load.json); do
		echo "$id"
	done | tail -n 3 | while read -r id; do
		api 200 GET "/key-transfer-policies/$id"
	done || exit 1
	stop_kbsd
}

daemon_case keep_alive "a connection that is kept is told to end"
keep_alive_body()
{
	prepare
	cat >kept.py <<'PY'
import http.client, os, ssl, sys, time
def ask():
    c.request("GET", "/kbs/v1/version")
    a = c.getresponse()
    a.read()
    return a.status, a.getheader("Connection")
c = http.client.HTTPSConnection("localhost", int(sys.argv[1]), timeout=20,
    context=ssl.create_default_context(cafile=sys.argv[2]))
assert ask() == (200, None)
assert ask() == (200, None)
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(.05)
answer = ask()
assert answer == (200, "close"), answer
assert c.sock is None
assert ask() == (200, None)
PY
	python3 kept.py "$port" "$state/tls.crt" &
	client=$!
	wait_for 600 test -e ready || atf_fail "no connection"
	exits 0 ctl reload
	# Two sets, as long as there is the connection: that is ten seconds.
	sets_are 2 || atf_fail "$(ctl show status)"
	: >go
	wait $client || atf_fail "the connection was not told"
	reloaded 2
	stop_kbsd
}

refused_times()
{
	[ "$(grep -c "reload refused: an earlier reload" "$log")" = "$1" ]
}

daemon_case third "no third set beside two of them"
third_body()
{
	start_kbsd 'prefork 1'
	# An old set that does not end by itself has half a minute.
	old=$(pid_of frontend)
	kill -STOP "$old"
	exits 0 ctl reload
	sets_are 2 || atf_fail "$(ctl show status)"
	exits 1 ctl reload
	grep -q "an earlier reload is not finished yet" cried ||
	    atf_fail "$(cat cried)"
	wait_for 100 refused_times 1 || atf_fail "not logged"
	kill -HUP "$kbsd_pid"
	wait_for 100 refused_times 2 || atf_fail "SIGHUP: not refused"
	sets_are 2 || atf_fail "$(ctl show status)"
	kill -CONT "$old"
	reloaded 2
	stop_kbsd
}

daemon_case refused "a bad configuration is refused as a whole"
refused_body()
{
	prepare
	cp "$conf" good.conf
	pids=$(kbsd_processes)
	refuse()
	{
		exits 1 ctl reload
		grep -q "the old one goes on" cried || atf_fail "$(cat cried)"
		kill -HUP "$kbsd_pid"
		sleep 0.3
		[ "$(status configuration) $(status sets)" = "1 1" ] ||
		    atf_fail "$(ctl show status)"
		[ "$(kbsd_processes)" = "$pids" ] || atf_fail "other processes"
		http 200 GET /version
	}
	echo 'prefork nonsense' >>"$conf"
	refuse
	grep -q "kbsd.conf:$(wc -l <"$conf"): syntax error" "$log" ||
	    atf_fail "$(cat "$log")"
	rm "$conf"
	refuse
	# A file that is not there, found when the set is started.
	sed 's/root .*/root "nowhere.pem"/' good.conf >"$conf"
	chmod 600 "$conf"
	exits 1 ctl reload
	[ "$(status configuration) $(status sets)" = "1 1" ] ||
	    atf_fail "$(ctl show status)"
	[ "$(kbsd_processes)" = "$pids" ] || atf_fail "other processes"
	# An address that is taken.
	python3 -c 'import socket, time
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
time.sleep(60)' >taken &
	taken=$!
	wait_for 600 test -s taken || atf_fail "no other listener"
	cp good.conf "$conf"
	echo "listen on 127.0.0.1 port $(cat taken)" >>"$conf"
	refuse
	kill $taken
	grep -q "Address already in use" "$log" || atf_fail "$(cat "$log")"
	exits 0 get_key "$k" out
	# And after all of that a good one is taken.
	cp good.conf "$conf"
	exits 0 ctl reload
	wait_for 200 sets_are 1
	[ "$(status configuration)" -gt 1 ] || atf_fail "$(ctl show status)"
	exits 0 get_key "$k" out2
	cmp out out2 || atf_fail "another key"
	stop_kbsd
}

# claims of the bearer token
lifetime()
{
	login
	echo "$token" | cut -d. -f2 | tr '_-' '/+' | base64 -d 2>/dev/null |
	    jq -r '.exp - .iat'
}

daemon_case changed "what is changed is in force: login, listeners, prefork"
changed_body()
{
	prepare 'prefork 1'
	[ "$(lifetime)" = 300 ] || atf_fail "$(lifetime)"
	before=$(kbsd_processes | wc -l)
	first=$port
	second=$(free_port)
	write_conf 'prefork 3' 'login { token lifetime 2m }' \
	    "listen on 127.0.0.1 port $second role transfer"
	exits 0 ctl reload
	reloaded 2
	[ "$(lifetime)" = 120 ] || atf_fail "$(lifetime)"
	# two more frontends, verifiers and engines, and three gates
	[ "$(kbsd_processes | wc -l)" = $((before + 9)) ] ||
	    atf_fail "$(ps -o pid,args -s "$kbsd_pid")"
	port=$second
	exits 0 get_key "$k" out
	url=https://localhost:$second/kbs/v1
	http 200 GET /version
	http 404 POST /token -H 'Content-Type: application/json' \
	    -H 'Accept: application/jwt' -d @login.json
	# The first address goes, the second one stays.
	sed -i "/port $first\$/d; s/prefork 3/prefork 1/" "$conf"
	exits 0 ctl reload
	reloaded 3
	exits 0 get_key "$k" out2
	cmp out out2 || atf_fail "another key"
	url=https://localhost:$first/kbs/v1
	! curl_kbsd /version >said 2>cried || atf_fail "it listens still"
	[ -z "$(pid_of frontend)" ] || atf_fail "$(ctl show processes)"
	stop_kbsd
}

daemon_case kept "lockouts, used nonces and tokens outlive reload and restart"
kept_body()
{
	prepare 'login { attempts 2 within 5m; lockout 5m }'
	login
	old=$token
	exits 0 ctl user add locked -p admin.password keys:search
	wrong()
	{
		http "$1" POST /token -H 'Content-Type: application/json' \
		    -H 'Accept: application/jwt' \
		    -d '{"username": "locked", "password": "not this one"}'
	}
	wrong 401
	# Counted over the reload.
	exits 0 ctl reload
	reloaded 2
	wrong 401
	jq -n --arg p "$password" '{username: "locked", password: $p}' \
	    >locked.json
	is_locked()
	{
		http 429 POST /token -H 'Content-Type: application/json' \
		    -H 'Accept: application/jwt' -d @locked.json
	}
	is_locked
	# Evidence as it was sent, again: its nonce is used up.
	api 200 POST "/keys/$k/transfer"
	cp body nonce.json
	"$bin/kbsget" -g -K pair.pem -T tdx -H held
	{
		jq -r .val nonce.json | base64 -d
		jq -r .iat nonce.json | base64 -d
		cat held
	} | sha512sum | cut -d' ' -f1 >report
	"$standin/tee" -d tee -t tdx -r "$(cat report)" -o quote
	jq -n --slurpfile n nonce.json --arg q "$(base64 -w0 quote)" \
	    --arg u "$(base64 -w0 held)" \
	    '{quote: $q, user_data: $u, nonce: $n[0]}' >evidence.json
	send()
	{
		api "$1" POST "/keys/$k/transfer" "$(cat evidence.json)" \
		    -H 'Attestation-Type: TDX'
	}
	send 200
	send 401
	exits 0 ctl reload
	reloaded 3
	is_locked
	send 401
	token=$old
	api 200 GET "/keys/$k"
	stop_kbsd
	run_kbsd
	is_locked
	send 401
	token=$old
	api 200 GET "/keys/$k"
	jq -rs '[.[] | select(.verdict == "deny") | .reason] | unique | .[]' \
	    "$audit" >reasons
	grep -qi nonce reasons || atf_fail "$(cat reasons)"
	stop_kbsd
}

is_asked()
{
	ctl -j show sessions | jq -e 'any(.[]; .state == "waiting")' >said
}

daemon_case under_make "a key that is being made when a reload begins"
under_make_body()
{
	prepare
	login
	maker=$(pid_of maker)
	kill -STOP "$maker"
	curl_kbsd /keys -H "Authorization: Bearer $token" \
	    -H 'Content-Type: application/json' -H 'Accept: application/json' \
	    -d '{"key_information": {"algorithm": "RSA", "key_length": 2048}}' \
	    -o made -w '%{http_code}' >made.status &
	client=$!
	wait_for 600 is_asked || atf_fail "nobody asks for a key"
	exits 0 ctl reload
	kill -CONT "$maker"
	wait $client || atf_fail "no answer"
	# It was made in time, or it was not: nothing in between.
	reloaded 2
	case $(cat made.status) in
	201)
		login
		api 200 GET "/keys/$(jq -r .id made)"
		want=2
		;;
	503)	want=1 ;;
	*)	atf_fail "$(cat made.status made)" ;;
	esac
	have()
	{
		[ "$(ctl -j show keys | jq length)" = "$1" ]
	}
	wait_for 50 have $want || atf_fail "$(ctl show keys)"
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
