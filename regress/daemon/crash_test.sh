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

# Processes that are killed, one after the other and the parent too: they are
# replaced, and what was acknowledged is there.

. "$(atf_get_srcdir)/daemon.sh"

prepare()
{
	start_ita
	start_kbsd "$@"
	p=$(policy) || atf_fail "no policy"
	k=$(ctl key create -a AES -l 256 -p "$p") || atf_fail "no key"
	held_token
	exits 0 get_key "$k" out
}

# The keys of which the store and the keystore know, and what is not finished.
# Says nothing when both agree.
halves()
{
	python3 - "$state" <<'PY'
import sqlite3, sys
def rows(path, text):
    db = sqlite3.connect("file:%s/%s?mode=ro" % (sys.argv[1], path), uri=True,
        timeout=5)
    return db.execute(text).fetchall()
store = {r[0].hex(): r for r in
    rows("store/store.db", "SELECT id, state, intent FROM keys")}
kms = {r[0].hex() for r in
    rows("kms-local/keys.db", "SELECT id FROM keys WHERE box IS NOT NULL")}
for key, (_, state, intent) in store.items():
    if intent is not None:
        print(key, "is not finished, state", state)
    if key not in kms:
        print(key, "has no material")
for key in kms - set(store):
    print(key, "is material without a record")
PY
}

agree()
{
	[ -z "$(halves)" ]
}

# What load.py was told is done: it is there, and the keys can be released.
acknowledged()
{
	[ "$(jq '.keys | length' load.json)" -gt 0 ] || atf_fail "no keys"
	login
	openssl genrsa 2048 2>/dev/null | openssl rsa -pubout >pub.pem \
	    2>/dev/null
	python3 - "$port" "$state/tls.crt" "$token" >missing <<'PY'
import http.client, json, ssl, sys
c = http.client.HTTPSConnection("localhost", int(sys.argv[1]), timeout=30,
    context=ssl.create_default_context(cafile=sys.argv[2]))
def ask(want, method, path, body=None, kind="application/json"):
    c.request(method, "/kbs/v1" + path, body, {"Accept": "application/json",
        "Content-Type": kind, "Authorization": "Bearer " + sys.argv[3]})
    a = c.getresponse()
    text = a.read()
    if a.status != want:
        print(method, path, a.status, text)
load = json.load(open("load.json"))
pem = open("pub.pem").read()
for i in load["policies"]:
    ask(200, "GET", "/key-transfer-policies/" + i)
for i in load["keys"]:
    ask(200, "GET", "/keys/" + i)
    ask(200, "POST", "/keys/" + i, pem, "application/x-pem-file")
PY
	[ $? -eq 0 ] && [ ! -s missing ] || atf_fail "lost: $(cat missing)"
}

# replaced KIND OLD-PID: another one is ready
replaced()
{
	ctl -j show processes >processes 2>cried || return 1
	jq -e --arg k "$1" --argjson old "$2" '
	    [.[] | select(.process == $k and .instance == 0)] | first |
	    .pid != $old and (.sandbox | startswith("no_new_privs"))' \
	    processes >said
}

# kill_one KIND: and it is there again; in how long is printed
kill_one()
{
	old=$(pid_of "$1")
	[ -n "$old" ] || atf_fail "no $1: $(ctl show processes)"
	begin=$(date +%s%N)
	kill -9 "$old"
	wait_for 100 replaced "$1" "$old" ||
	    atf_fail "$1 is not replaced: $(cat processes; tail "$log")"
	end=$(date +%s%N)
	echo "[$begin, $end]" >>deaths
	echo "$1: $(((end - begin) / 1000000)) ms"
}

serves()
{
	rm -f again
	kbsget -k "$k" -K pair.pem -t token.jwt -o again 2>cried &&
	    cmp out again &&
	    [ "$(curl_kbsd /version -o body -w '%{http_code}')" = 200 ]
}

daemon_case each "each kind of process is killed under load and replaced" \
    "cmp" 200
each_body()
{
	prepare
	before=$(kbsd_processes | wc -l)
	start_load "$k"
	for kind in signer auth hasher broker store audit control maker kms \
	    fetcher verifier engine frontend; do
		kill_one "$kind"
		wait_for 50 serves ||
		    atf_fail "after $kind: $(cat cried; tail -n 20 "$log")"
		sleep 0.3
	done
	stop_load
	# Nothing hangs: what was there at a death failed at once, and hardly
	# anything when all were there again.
	jq -e --slurpfile deaths deaths '([.failed[] | .[0] * 1e9 |
	    select(. as $t | all($deaths[]; $t < .[0] or $t > .[1]))] |
	    length) < (.done | add) / 10' load.json >said ||
	    atf_fail "$(jq -c .failed load.json)"
	jq -r '.failed[] | .[2]' load.json | cut -c1-3 | sort | uniq -c
	! jq -r '.failed[] | .[2]' load.json | grep -i -e timed -e '^[24]' ||
	    atf_fail "$(jq -c .failed load.json)"
	acknowledged
	wait_for 50 agree || atf_fail "$(halves | paste -sd,)"
	[ "$(kbsd_processes | wc -l)" = "$before" ] ||
	    atf_fail "$before before: $(ps -o pid,args -s "$kbsd_pid")"
	audit_intact || atf_fail "audit log"
	# After all of that the service is what it was.
	stop_kbsd
	run_kbsd
	acknowledged
	agree || atf_fail "$(halves | paste -sd,)"
	stop_kbsd
}

daemon_case parent "without their parent all processes end"
parent_body()
{
	prepare
	start_load "$k"
	kill -9 "$kbsd_pid"
	wait_for 600 kbsd_is_gone ||
	    atf_fail "left behind: $(ps -o pid,args -s "$kbsd_pid")"
	stop_load
	run_kbsd
	acknowledged
	wait_for 50 agree || atf_fail "$(halves | paste -sd,)"
	audit_intact || atf_fail "audit log"
	exits 0 get_key "$k" again
	cmp out again || atf_fail "another key"
	stop_kbsd
}

daemon_case all "all processes are killed at once, again and again" "" 200
all_body()
{
	prepare
	for n in 1 2 3; do
		start_load "$k"
		sleep 0.$n
		kill -9 "$kbsd_pid" $(kbsd_processes) 2>/dev/null
		wait_for 600 kbsd_is_gone || atf_fail "not dead"
		stop_load
		run_kbsd
		acknowledged
		wait_for 50 agree || atf_fail "$(halves | paste -sd,)"
	done
	audit_intact || atf_fail "audit log"
	exits 0 get_key "$k" again
	cmp out again || atf_fail "another key"
	stop_kbsd
}

daemon_case making "who makes a key is killed while it is being made" "" 400
making_body()
{
	prepare
	login
	client=1
	for kind in maker kms store broker auth frontend audit; do
		# An address that had a request at two deaths is refused.
		client=$((client + 1))
		curl_kbsd /keys --interface "127.0.0.$client" -H "Authorization: Bearer $token" \
		    -H 'Content-Type: application/json' \
		    -H 'Accept: application/json' -d '{"key_information":
		    {"algorithm": "RSA", "key_length": 4096}}' \
		    -o made -w '%{http_code}' >made.status 2>cried &
		curl=$!
		sleep 0.4
		kill_one "$kind"
		wait $curl
		echo "$kind: $(cat made.status)"
		case $(cat made.status) in
		201)	id=$(jq -r .id made)
			login
			api 200 GET "/keys/$id"
			;;
		502 | 503 | 000) ;;
		*)	atf_fail "$kind: $(cat made.status made)" ;;
		esac
		# A maker that goes on does so for nobody.
		wait_for 600 agree ||
		    atf_fail "$kind: $(halves; tail -n 20 "$log")"
		wait_for 50 serves || atf_fail "$kind: $(cat cried)"
		login
	done
	sleep 2
	agree || atf_fail "$(halves | paste -sd,)"
	stop_kbsd
	agree || atf_fail "$(halves | paste -sd,)"
}

# refused_by_now: that address is not served, all others are.
refused_by_now()
{
	wait_for 100 grep -q "requests of 127.0.0.9 were there at two deaths \
running" "$log" || atf_fail "$(cat "$log")"
	wait_for 100 not curl_kbsd /version --interface 127.0.0.9 -o body ||
	    atf_fail "it is served still: $(cat body)"
	for n in 1 2 3 4 5 6; do
		serves || atf_fail "$(cat cried; tail "$log")"
	done
}

# granted N: so many requests of that address have come as far as the maker.
granted()
{
	[ "$(jq -r 'select(.event == "decision" and .verdict == "grant" and
	    .client == "127.0.0.9") | .n' "$audit" | wc -l)" = "$1" ]
}

daemon_case blamed "an address whose requests were there at two deaths"
blamed_body()
{
	prepare
	login
	for n in 1 2; do
		# It can't be done before it is dead.
		kill -STOP "$(pid_of maker)"
		curl_kbsd /keys --interface 127.0.0.9 \
		    -H "Authorization: Bearer $token" \
		    -H 'Content-Type: application/json' \
		    -H 'Accept: application/json' -d '{"key_information":
		    {"algorithm": "RSA", "key_length": 7680}}' \
		    -o made -w '%{http_code}' >made.status 2>cried &
		curl=$!
		wait_for 600 granted $n || atf_fail "$(cat "$audit")"
		kill_one maker
		wait $curl
		[ "$(cat made.status)" = 503 ] ||
		    atf_fail "$(cat made.status made)"
	done
	refused_by_now
	stop_kbsd
}

nonces()
{
	curl -sS -m 120 --cacert "$dir/ita/tls-ca.pem" "$ita/stats" |
	    jq .nonce
}

more_nonces()
{
	[ "$(nonces)" -gt "$1" ]
}

daemon_case judged "a transfer that costs a verifier each time"
judged_body()
{
	prepare "prefork 1"
	fault '{"nonce:hang": true}'
	for n in 1 2; do
		before=$(nonces)
		curl_kbsd "/keys/$k/transfer" --interface 127.0.0.9 -X POST \
		    -H 'Accept: application/json' -o body \
		    -w '%{http_code}' >status 2>cried &
		curl=$!
		wait_for 600 more_nonces "$before" ||
		    atf_fail "no nonce is asked for: $(tail "$log")"
		kill_one verifier
		wait $curl
		[ "$(cat status)" = 503 ] || atf_fail "$(cat status body)"
	done
	fault '{"clear": true}'
	refused_by_now
	exits 0 get_key "$k" out
	stop_kbsd
}

daemon_case useless "one that dies five times without work ends kbsd with 1"
useless_body()
{
	prepare
	n=0
	while kill -0 "$kbsd_pid" 2>/dev/null; do
		n=$((n + 1))
		[ $n -le 100 ] || atf_fail "it goes on for ever"
		pid=$(pid_of hasher 2>/dev/null)
		[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
		sleep 0.4
	done
	wait "$kbsd_pid" && status=0 || status=$?
	[ $status = 1 ] || atf_fail "ended with $status"
	grep -q "died 5 times running" "$log" || atf_fail "$(tail "$log")"
	wait_for 600 kbsd_is_gone ||
	    atf_fail "left behind: $(ps -o pid,args -s "$kbsd_pid")"
	# Frontends may die as often as they like.
	run_kbsd
	for n in 1 2 3 4 5 6 7; do
		kill_one frontend
	done
	wait_for 50 serves || atf_fail "$(cat cried; tail "$log")"
	stop_kbsd
}

daemon_case rekey "a new master key, while all is killed again and again" \
    "sqlite3" 240
rekey_body()
{
	start_kbsd
	for i in $(seq 60); do
		ctl -q key create -a AES -l 256 >>ids || atf_fail "key create"
	done
	old=$(sha256sum <"$state/keys/kms-local.master.key")
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
	    -out rsa.pem
	openssl pkey -in rsa.pem -pubout -out pub.pem
	exits 1 ctl keystore rekey nowhere
	for i in $(seq 8); do
		exits 0 ctl keystore rekey local
		sleep 0.0$i
		kill -9 $(pid_of kms) 2>/dev/null || :
		[ $((i % 3)) != 0 ] || {
			kill -9 $(kbsd_processes)
			wait "$kbsd_pid" 2>/dev/null || :
			wait_for 50 kbsd_is_gone || atf_fail "it goes on"
			run_kbsd
		}
		wait_for 100 rekeyed || {
			tail -n 20 "$log"
			atf_fail "not done: $(ls "$state/keys")"
		}
	done
	[ "$(sha256sum <"$state/keys/kms-local.master.key")" != "$old" ] ||
	    atf_fail "it is the old key"
	login
	release_all
	stop_kbsd
}

daemon_case rekey_reload "a new master key that can't be had, and reloads" \
    "sqlite3" 240
rekey_reload_body()
{
	start_kbsd
	fresh=$state/keys/kms-local.master.key.new
	db=$(find "$state" -name keys.db)
	for i in 1 2 3; do
		ctl -q key create -a AES -l 256 >>ids || atf_fail "key create"
	done
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
	    -out rsa.pem
	openssl pkey -in rsa.pem -pubout -out pub.pem
	spoilt=$(sqlite3 "$db" "SELECT hex(id) FROM keys LIMIT 1")
	box=$(sqlite3 "$db" "SELECT hex(box) FROM keys WHERE id = x'$spoilt'")
	put_box "zeroblob(60)"
	exits 0 ctl keystore rekey local
	wait_for 300 grep -q "they are by the old one" "$log" ||
	    atf_fail "$(tail "$log")"
	# The new processes are not given it, and the old key goes on.
	exits 0 ctl reload
	[ -e "$fresh" ] || atf_fail "it is gone"
	ctl -q key create -a AES -l 256 >>ids || atf_fail "key create"
	put_box "x'$box'"
	login
	release_all
	# It is asked for again; no reload comes between.
	wait_for 900 ctl -q keystore rekey local 2>/dev/null ||
	    atf_fail "$(tail "$log")"
	wait_for 300 rekeyed || atf_fail "$(ls "$state/keys")"
	# The new process waits for whoever has the database.
	mkfifo text
	sqlite3 -bail "$db" <text >locked &
	exec 9>text
	echo "PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE; SELECT 'held';" >&9
	wait_for 600 grep -q held locked || atf_fail "$(cat locked)"
	exits 0 ctl keystore rekey local
	exits 1 ctl reload
	atf_check -o match:"gets a new master key" cat cried
	echo "COMMIT;" >&9
	exec 9>&-
	wait $! || atf_fail "keys.db"
	wait_for 300 rekeyed || atf_fail "$(ls "$state/keys")"
	release_all
	exits 0 ctl reload
	release_all
	stop_kbsd
}

put_box()
{
	sqlite3 "$db" "PRAGMA busy_timeout = 20000; UPDATE keys SET box = $1
	    WHERE id = x'$spoilt'" >/dev/null ||
	    atf_fail "keys.db"
}

# Each of the file ids, to an administrator.
release_all()
{
	while read -r id; do
		http 200 POST "/keys/$id" -H "Authorization: Bearer $token" \
		    -H 'Content-Type: application/x-pem-file' \
		    -H 'Accept: application/json' --data-binary @pub.pem
	done <ids
}

rekeyed()
{
	[ ! -e "$state/keys/kms-local.master.key.new" ] &&
	    ctl -j show keystores | jq -e '.[0].ok == "yes"' >/dev/null
}

atf_init_test_cases()
{
	daemon_add_cases
}
