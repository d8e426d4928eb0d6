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

# Metrics and health of a whole kbsd, and its limits.

. "$(atf_get_srcdir)/daemon.sh"

# begin [line ...]: with a metrics listener; alone, where a keystore is named
begin()
{
	mport=$(free_port)
	start_kbsd "metrics on 127.0.0.1 port $mport" "$@"
}

# page PATH: $status, and the text in `page'
page()
{
	status=$(curl -sS -m 20 -o page -w '%{http_code}' \
	    "http://127.0.0.1:$mport$1")
}

metrics()
{
	python3 "$(atf_get_srcdir)/metrics.py" "$@"
}

# moved WANT METRIC [LABEL=VALUE ...]: how much more than in the page `before'
moved()
{
	local want=$1 more

	shift
	more=$(($(metrics get page "$@") - $(metrics get before "$@")))
	[ "$more" -eq "$want" ] || atf_fail "$*: $more more, not $want"
}

is_page()
{
	page "$1"
	[ "$status" = "$2" ] && grep -qF -- "$3" page
}

# becomes PATH STATUS TEXT
becomes()
{
	wait_for 300 is_page "$@" || {
		cat page
		atf_fail "$1 is $status, not $2"
	}
}

is_whole()
{
	page /metrics
	[ "$status" = 200 ] && ! grep -q '^kbsd_process_up{.*} 0$' page
}

# A page of what all processes tell: who is late is left out of one.
whole_page()
{
	wait_for 300 is_whole || {
		cat page
		atf_fail "not all processes tell something: $status"
	}
}

# limited TEXT PATH [curl option ...]: forty requests, one after the other on
# one connection, are too many, and one of them is told so
limited()
{
	local text=$1 path=$2

	shift 2
	rm -f got.*
	curl_kbsd "$path#[1-40]" -i -o 'got.#1' "$@" || return 1
	set -- $(grep -l '^HTTP/1.1 429 ' got.*)
	[ $# -ge 1 ] && cp "$1" got && grep -qF "$text" got &&
	    grep -qi '^retry-after: [1-9]' got
}

daemon_case scrape "what happens is counted, and nobody is named"
scrape_body()
{
	start_ita
	start_vault
	begin "$(keystore_vault)"
	policy=$(policy)
	key=$(ctl key create -a AES -l 256 -p "$policy")
	whole_page
	mv page before
	get_key "$key" got
	get_key "$key" got
	exits 1 get_key "$key" got --mrtd "$(printf '%096d' 7)"
	http 404 GET /nowhere
	kill -9 "$(pid_of verifier 1)"
	becomes /metrics 200 \
	    'restarts_total{process="verifier",number="1"} 1'
	becomes /metrics 200 'kbsd_process_up{process="verifier",number="1"} 1'
	whole_page
	# kbsget makes two connections, for the nonce and for the key.
	moved 7 kbsd_tls_handshakes_total result=ok
	moved 7 kbsd_tls_handshake_duration_seconds_count
	moved 7 kbsd_request_duration_seconds_count
	moved 2 kbsd_releases_total
	moved 1 kbsd_denials_total
	moved 2 kbsd_wrap_duration_seconds_count
	moved 2 kbsd_keystore_duration_seconds_count block=vault
	moved 1 kbsd_process_restarts_total
	metrics check page "$src/man/kbsd.8" >wrong ||
	    atf_fail "$(cat wrong)"
	# What rules and dashboard ask for is there.
	metrics uses page "$src/etc/prometheus-rules.yml" \
	    "$src/etc/grafana-dashboard.json" >wrong || atf_fail "$(cat wrong)"
	# No id, user, client or path.
	for word in "$key" "$policy" admin 127.0.0.1 "$dir" /kbs; do
		! grep -F "$word" page || atf_fail "$word is told"
	done
	atf_check -s exit:1 grep -E '[0-9a-f]{8}-[0-9a-f]{4}-' page
	stop_kbsd
}

# Prometheus itself reads the text, and the rules.
daemon_case promtool "Prometheus reads the metrics and the rules" promtool
promtool_body()
{
	start_ita
	begin
	page /metrics
	atf_check promtool check metrics <page
	cp "$src/etc/prometheus-rules.yml" "$src/etc/prometheus-test.yml" .
	atf_check -o ignore promtool check rules prometheus-rules.yml
	atf_check -o ignore promtool test rules prometheus-test.yml
	stop_kbsd
}

daemon_case keystore "a keystore goes and comes back"
keystore_body()
{
	start_ita
	start_vault
	begin "$(keystore_vault)"
	becomes '/readyz?verbose' 200 '[+]keystore/vault ok'
	policy=$(policy)
	key=$(ctl key create -a AES -l 256 -p "$policy")
	# What makes no sense to Vault is not tried again at once.
	vault_fault '{"kv:status": "405x1"}'
	exits 1 get_key "$key" got
	# One request that went wrong is none.
	is_page /readyz 200 ok || atf_fail "$(cat page)"
	vault_fault '{"kv:status": 405}'
	exits 1 get_key "$key" got
	becomes /readyz 503 '[-]keystore/vault failed: unusable'
	becomes /livez 200 ok
	becomes /metrics 200 'kbsd_keystore_usable{process="kms",number="0",block="vault"} 0'
	becomes /metrics 200 'kbsd_check{check="keystore/vault"} 0'
	# Nobody wants a key now, and it is noticed all the same.
	vault_fault '{"clear": true}'
	becomes /readyz 200 ok
	get_key "$key" got
	stop_kbsd
}

# A store that does not come up until it may.
daemon_case starting "before and after the start, and over a reload"
starting_body()
{
	daemon_find
	mkdir programs
	cp "$bin/kbsd" programs
	for p in "$bin"/*; do
		[ -e "programs/${p##*/}" ] || ln -s "$p" programs
	done
	rm programs/store
	printf '#!/bin/sh\nwhile [ ! -e %s ]; do sleep 0.1; done\nexec %s\n' \
	    "$dir/go" "$bin/store" >programs/store
	chmod 755 . programs programs/store
	bin=$dir/programs
	mport=$(free_port)
	write_conf "metrics on 127.0.0.1 port $mport"
	daemon_users
	setsid "$bin/kbsd" -d -f "$conf" >>"$log" 2>&1 &
	kbsd_pid=$!
	echo "$kbsd_pid" >>"$dir/pids"
	becomes /readyz 503 '[-]start failed: starting'
	becomes /livez 200 ok
	becomes /metrics 200 'kbsd_ready 0'
	: >go
	becomes /readyz 200 ok
	wait_for 100 kbsd_answers || atf_fail "kbsd does not answer"
	# While a new set starts, the old one is what is told.
	rm go
	ctl reload
	becomes /metrics 200 'kbsd_configuration_sets 2'
	is_page /readyz 200 ok || atf_fail "$(cat page)"
	: >go
	becomes /metrics 200 'kbsd_reloads_total{result="ok"} 1'
	becomes /metrics 200 'kbsd_configuration_number 2'
	becomes /readyz 200 ok
	stop_kbsd
}

daemon_case rates "requests per address and per user"
rates_body()
{
	begin "prefork 1" \
	    "limits { requests per address 1000 burst 1000
	    requests per user 1 burst 4 }"
	login
	limited 'too many requests of this user' '/users?username=admin' \
	    -H 'Accept: application/json' -H "Authorization: Bearer $token" ||
	    atf_fail "no limit of a user: $(head -c 12 got.1)"
	# Who has no token is no user, and an operator is none either.
	http 401 GET "/users?username=admin" -H 'Accept: application/json'
	ctl user list >said || atf_fail "kbsctl is limited"
	whole_page
	[ "$(metrics get page kbsd_limited_total limit=requests_per_user)" \
	    -ge 1 ] || atf_fail "it is not counted"
	sed -i 's/1000 burst 1000/1 burst 3/' "$conf"
	ctl reload
	wait_for 100 limited 'too many requests from this address' /version ||
	    atf_fail "no limit of an address: $(head -c 12 got.1)"
	whole_page
	[ "$(metrics get page kbsd_limited_total limit=requests_per_address)" \
	    -ge 1 ] || atf_fail "it is not counted"
	atf_check -o ignore grep -F \
	    'kbsd_limit{limit="requests_per_address_burst"} 3' page
	stop_kbsd
}

daemon_case sizes "connections, sizes and times"
sizes_body()
{
	begin "prefork 1" "limits {
		connections per address 3
		header 2048
		body 65536
		timeout header 1s
	}"
	id=$(python3 -c 'import uuid; print(uuid.uuid4())')
	head -c 70000 /dev/zero | tr '\0' x >large
	http 413 POST "/keys/$id/transfer" -H 'Accept: application/json' \
	    -H 'Content-Type: application/json' -d @large
	http 431 GET /version -H "X: $(printf '%03000d' 1)"
	python3 "$(atf_get_srcdir)/metrics.py" hold "$port" \
	    "$state/tls.crt" 6 >said || atf_fail "$(cat said)"
	atf_check -o inline:"3 held, 3 closed; 408\n" cat said
	whole_page
	for limit in connections_per_address header_bytes body_bytes \
	    header_seconds; do
		[ "$(metrics get page kbsd_limited_total limit=$limit)" \
		    -ge 1 ] || atf_fail "$limit is not counted"
	done
	ctl -j show limits >said
	atf_check -o inline:"3 \n2048 bytes\n1 seconds\n" jq -r '.[] |
	    select(.process == "parent" and (.limit == "header" or
	    .limit == "timeout header" or
	    .limit == "connections per address")) |
	    "\(.value) \(.unit)"' said
	# No two of them have one name.
	atf_check -o inline:"0\n" jq '[.[] | select(.process == "parent") |
	    .limit] | length - (unique | length)' said
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
