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

# kbsd's start: what it makes, what it refuses, how its processes stand.

. "$(atf_get_srcdir)/daemon.sh"

# From here on kbsd runs as a plain user, in a directory of that user's.
plain_user()
{
	daemon_find
	mkdir plain
	dir=$dir/plain
	state=$dir/state
	audit=$state/audit.log
	conf=$dir/kbsd.conf
	mkdir "$dir/tmp"
	ln -s ../pids "$dir/pids"
	kbsd_as="env HOME=$dir XDG_STATE_HOME="
	plain_uid=$(id -u)
	is_root || return 0
	plain_uid=$(id -u nobody)
	chown -R nobody "$dir"
	kbsd_as="setpriv --reuid=nobody --regid=$(id -g nobody)"
	kbsd_as="$kbsd_as --clear-groups --inh-caps=-all"
	kbsd_as="$kbsd_as env HOME=$dir XDG_STATE_HOME="
	$kbsd_as sh -c "cd '$dir' && test -x '$bin/kbsd'" ||
	    atf_skip "nobody can't reach $bin or $dir"
}

children()
{
	kbsd_processes | grep -v "^ *$kbsd_pid\$"
}

# Each child, whoever runs kbsd.
check_confined()
{
	local pid

	[ "$(children | wc -l)" -ge 13 ] || atf_fail "too few processes"
	for pid in $(children); do
		grep -q '^NoNewPrivs:	1$' "/proc/$pid/status" &&
		    grep -q '^Seccomp:	2$' "/proc/$pid/status" &&
		    grep -q '^CapEff:	0000000000000000$' \
			"/proc/$pid/status" ||
		    atf_fail "$(cat "/proc/$pid/status")"
		grep -q '^Max core file size  *0  *0 ' "/proc/$pid/limits" ||
		    atf_fail "$(cat "/proc/$pid/limits")"
		# The files of a process that is not dumpable are root's.
		[ "$(stat -c %u "/proc/$pid/environ")" -eq 0 ] ||
		    atf_fail "$pid is dumpable"
		is_root || continue
		# The title may reach into it.
		! tr '\0' '\n' <"/proc/$pid/environ" | grep = ||
		    atf_fail "$pid has an environment"
		# Nothing is open but the loop, sockets and files of its own.
		find "/proc/$pid/fd" -type l -printf '%l\n' | grep -v \
		    -e '^socket:' -e '^anon_inode:' -e '^/dev/null$' \
		    -e "^$state/" -e '^/[a-z-]*\.\(db\|db-wal\|db-shm\)$' \
		    -e '^pipe:' && atf_fail "$pid has more open"
	done
	:
}

daemon_case empty "an empty configuration works for a plain user" "" 60
empty_body()
{
	plain_user
	port=9443
	[ -z "$(ss -Hltn "sport = :$port")" ] || atf_skip "port 9443 is taken"
	$kbsd_as touch "$conf"
	chmod 600 "$conf"
	state=$dir/.local/state/kbsd
	ctl()
	{
		$kbsd_as "$bin/kbsctl" "$@"
	}
	run_kbsd
	url=https://127.0.0.1:$port/kbs/v1
	http 200 GET /version
	[ "$(stat -c '%a %u' "$state")" = "700 $plain_uid" ] ||
	    atf_fail "$(ls -ld "$state")"
	[ "$(stat -c '%a %u' "$state/kbsd.sock")" = "600 $plain_uid" ] ||
	    atf_fail "$(ls -l "$state/kbsd.sock")"
	ctl show status | grep -q "127.0.0.1 port 9443" ||
	    atf_fail "$(ctl show status)"
	[ -z "$(find "$state" ! -user "$plain_uid")" ] ||
	    atf_fail "of another user: $(find "$state" ! -user "$plain_uid")"
	stop_kbsd
}

daemon_case plain "a plain user's processes share a uid, and kbsd says so"
plain_body()
{
	! atf_config_has coverage ||
	    atf_skip "the coverage build has no sandbox"
	plain_user
	write_conf
	chown -R "$plain_uid" "$dir"
	run_kbsd
	grep -q "all processes share uid $plain_uid and none stands in a chroot" \
	    "$log" || atf_fail "$(cat "$log")"
	check_confined
	for pid in $(kbsd_processes); do
		[ "$(awk '/^Uid:/ { print $2 $3 $4 $5 }' \
		    "/proc/$pid/status")" = \
		    "$plain_uid$plain_uid$plain_uid$plain_uid" ] ||
		    atf_fail "$pid: $(cat "/proc/$pid/status")"
	done
	ctl -j show processes >processes
	[ "$(jq -r '[.[] | select(.sandbox | test("landlock:[0-9]+$") | not)] |
	    length' processes)" = 0 ] || atf_fail "$(cat processes)"
	login
	api 200 GET /key-transfer-policies
	p=$(policy) || atf_fail "no policy"
	exits 0 ctl key create -a AES -l 256 -p "$p"
	stop_kbsd
}

daemon_case root "root's processes become two users, in an empty directory"
root_body()
{
	is_root || atf_skip "needs root"
	start_ita
	A_SECRET=for-nobody start_kbsd
	check_confined
	ctl -j show processes >processes
	jq -r '.[] | "\(.process) \(.pid) \(.sandbox)"' processes |
	while read -r kind pid sandbox; do
		case $kind in
		frontend | control | broker | verifier | fetcher)
			user=_kbsd ;;
		*)
			user=_kbsdkey ;;
		esac
		want=$(id -u $user)
		want="$want $want $want $want"
		[ "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' \
		    "/proc/$pid/status")" = "$want" ] ||
		    atf_fail "$kind: $(cat "/proc/$pid/status")"
		want=$(id -g $user)
		[ "$(awk '/^Gid:/ { g = $2 $3 $4 $5 } /^Groups:/ { print g, $2,
		    $3 }' "/proc/$pid/status")" = \
		    "$want$want$want$want $want " ] ||
		    atf_fail "$kind: $(cat "/proc/$pid/status")"
		case $kind in
		store)	want=$state/store ;;
		kms)	want=$state/kms-local ;;
		*)	want=$state/empty ;;
		esac
		[ "$(readlink "/proc/$pid/root")" = "$want" ] ||
		    atf_fail "$kind: $(readlink "/proc/$pid/root")"
		case $sandbox in
		"no_new_privs seccomp"*" chroot") ;;
		*) atf_fail "$kind: $sandbox" ;;
		esac
	done || exit 1
	[ -z "$(ls -A "$state/empty")" ] || atf_fail "empty is not"
	grep -q "they run as _kbsd and, where they hold keys, as _kbsdkey" \
	    "$log" || atf_fail "$(cat "$log")"
	stop_kbsd
}

# mode and owner of what lies in state/, times and sizes aside
listing()
{
	(cd "$state" && find . ! -name '*-wal' ! -name '*-shm' \
	    -printf '%p %m %u\n' | sort)
}

daemon_case files "what the first start makes, the second one uses again" \
    "sha256sum"
files_body()
{
	start_ita
	start_kbsd
	me=$(id -un)
	if is_root; then
		open=711 key=_kbsdkey own=710
	else
		open=700 key=$me own=700
	fi
	sort >want <<LIST
. $open $me
./.audit.log.last 600 $me
./audit.log 600 $me
./empty 555 $me
./keys 700 $me
./keys/kms-local.master.key 600 $me
./keys/kms-local.seal.key 600 $me
./keys/nonce.key 600 $me
./keys/seal.key 600 $me
./keys/tls.key 600 $me
./keys/token.key 600 $me
./kms-local $own $key
./kms-local/keys.db 600 $key
./store $own $key
./store/store.db 600 $key
./tls.crt 644 $me
LIST
	listing >got
	diff -u want got || atf_fail "files"
	[ "$(stat -c %a kbsd.sock)" = 600 ] || atf_fail "socket"
	[ -z "$(find "$state" -name '*.db-*' ! -perm 600)" ] ||
	    atf_fail "$(ls -lR "$state")"
	p=$(policy)
	k=$(ctl key create -a AES -l 256 -p "$p")
	exits 0 get_key "$k" first
	login
	old=$token
	sha256sum "$state"/keys/* "$state/tls.crt" >sums
	stop_kbsd
	run_kbsd
	sha256sum -c --quiet sums || atf_fail "new keys"
	exits 0 get_key "$k" second
	cmp first second || atf_fail "another key"
	# Who has a token goes on; the policy is believed still.
	token=$old
	api 200 GET "/keys/$k"
	api 200 GET "/key-transfer-policies/$p"
	stop_kbsd
	[ ! -e kbsd.sock ] || ! ctl show status || atf_fail "it answers"
	audit_intact || atf_fail "audit log"
}

daemon_case refuse_files "a start with wrong secret files is refused"
refuse_files_body()
{
	start_kbsd
	exits 0 ctl key create -a AES -l 256
	stop_kbsd
	cp -a "$state" saved
	chmod 644 "$state/keys/seal.key"
	start_refused "seal.key: others may read or write it"
	chmod 600 "$state/keys/seal.key"
	chmod 640 admin.password
	start_refused "admin.password: others may read or write it"
	chmod 600 admin.password

	: >"$state/keys/kms-local.master.key"
	start_refused "master key file is missing or empty.*bring back"
	head -c 32 /dev/urandom >"$state/keys/kms-local.master.key"
	start_refused "master key is not the one that keys.db was sealed with"
	cp saved/keys/kms-local.master.key "$state/keys/"

	rm "$state/keys/kms-local.seal.key"
	start_refused "seal key file is missing or empty.*bring back"
	head -c 32 /dev/urandom >"$state/keys/kms-local.seal.key"
	start_refused "seal key is not the one"
	cp saved/keys/kms-local.seal.key "$state/keys/"

	rm "$state/keys/seal.key"
	start_refused "seal.key is missing or empty.*bring back"
	[ ! -e "$state/keys/seal.key" ] || atf_fail "one was made"
	: >"$state/keys/seal.key"
	chmod 600 "$state/keys/seal.key"
	start_refused "seal.key is missing or empty.*bring back"
	head -c 7 /dev/urandom >"$state/keys/seal.key"
	start_refused "auth 0 did not start"
	cp saved/keys/seal.key "$state/keys/"

	echo garbage >"$state/keys/tls.key"
	start_refused "signer 0 did not start"
	cp saved/keys/tls.key "$state/keys/"
	mv "$state/keys/token.key" elsewhere
	ln -s "$dir/elsewhere" "$state/keys/token.key"
	start_refused "token.key"
	rm "$state/keys/token.key"
	mv elsewhere "$state/keys/token.key"
	run_kbsd
	login
	stop_kbsd
}

daemon_case refuse_second "no second instance on one socket or port"
refuse_second_body()
{
	start_kbsd
	cp "$conf" first.conf
	sed "s/port $port/port $(free_port)/; s,$state,$state.2," \
	    first.conf >"$conf"
	start_refused "kbsd.sock: a kbsd is running already"
	sed "s,kbsd.sock,other.sock,; s,$state,$state.2," first.conf >"$conf"
	start_refused "listen on 127.0.0.1 port $port: Address already in use"
	# The first one has not been harmed.
	http 200 GET /version
	stop_kbsd
	# A socket that nobody serves is no hindrance.
	[ -e kbsd.sock ] || python3 -c 'import socket
s = socket.socket(socket.AF_UNIX); s.bind("kbsd.sock")'
	mv first.conf "$conf"
	run_kbsd
	stop_kbsd
}

daemon_case configuration "each error is told with its line; -n, -nv, -D, -V"
configuration_body()
{
	daemon_find
	kbsd=$bin/kbsd
	cat >bad.conf <<'CONF'
# a comment
listen on 127.0.0.1 port 99999
prefork 99
nonsense here
login {
	attempts 0 within 5m
	token lifetime 10s
	lockout 5w
}
tls names "not ended
keystore "x" nowhere
keystore "../y" local
verbose 7
audit log "/a"
audit log "/b"
directory $nothing
attestation "a" {
	base "http://localhost"
}
CONF
	chmod 600 bad.conf
	exits 1 "$kbsd" -n -f bad.conf
	for line in 2 3 4 6 7 8 10 11 12 13 15 16; do
		grep -q "^kbsd: bad.conf:$line: " cried ||
		    atf_fail "line $line: $(cat cried)"
	done
	for line in 1 5 9 14 17 18; do
		! grep -q "^kbsd: bad.conf:$line: " cried ||
		    atf_fail "line $line: $(cat cried)"
	done
	for what in "api is missing" "is no plain https URL" \
	    "api key file is missing" "root is missing"; do
		grep -q "attestation \"a\": .*$what" cried ||
		    atf_fail "$what: $(cat cried)"
	done
	exits 1 "$kbsd" -d -f bad.conf
	exits 1 "$kbsd" -n -f missing.conf
	grep -q "missing.conf: No such file" cried || atf_fail "$(cat cried)"

	: >writable.conf
	chmod 660 writable.conf
	exits 1 "$kbsd" -n -f writable.conf
	grep -q "others may write it" cried || atf_fail "$(cat cried)"

	cat >inner.conf <<'CONF'
prefork 3
what
CONF
	chmod 600 inner.conf
	echo 'include "inner.conf"' >outer.conf
	chmod 600 outer.conf
	exits 1 "$kbsd" -n -f outer.conf
	grep -q "inner.conf:2: " cried || atf_fail "$(cat cried)"
	echo 'include "outer.conf"' >outer.conf
	exits 1 "$kbsd" -n -f outer.conf

	cat >good.conf <<'CONF'
where = "/tmp/nowhere"
where_to = "1000"
directory $where
control socket "/tmp/nowhere/s" group "daemon"
listen on * port $where_to role transfer
listen on ::1 \
    port 2000 role admin
tls names a.example "b c"
administrator "root" password file '/etc/"quoted"'
prefork 7
connections 99
login { attempts 3 within 1m; lockout 2h
	token lifetime 10m }
audit optional
require nonce
user "u"; 
CONF
	sed -i 's/; $//' good.conf
	cat >>good.conf <<'CONF'
keyuser "k"
verbose 2
attestation "x" {
	trust authority api "https://a.example/b"
	base "https://b.example"; api key file "/k"
	api version 1
	root "/r"
	ca "/c"
	issuer "me"
	proxy "http://proxy:3128"
	crl host c.example:80
	crl host d.example
	retry wait 1s to 3s
	refetch 2m
}
keystore "one" local { master key file "/m" }
keystore "two" local
CONF
	chmod 600 good.conf
	exits 0 "$kbsd" -n -f good.conf
	[ ! -s said ] && grep -q '^configuration OK$' cried ||
	    atf_fail "$(cat said cried)"
	exits 0 "$kbsd" -nv -f good.conf
	mv said once.conf
	for line in 'directory "/tmp/nowhere"' 'prefork 7' 'user "u"' \
	    'listen on "\*" port 1000 role transfer' \
	    'listen on "::1" port 2000 role admin' '	connections 99' \
	    '	lockout 7200s' '	refetch 120s' '	crl host "d.example"' \
	    'audit optional' 'require nonce' 'verbose 2' \
	    '	master key file "/m"' 'keystore "two" local' \
	    '	api version 1' 'tls names "a.example" "b c"'; do
		grep -q "^$line\$" once.conf ||
		    atf_fail "$line: $(cat once.conf)"
	done
	chmod 600 once.conf
	exits 0 "$kbsd" -nv -f once.conf
	diff -u once.conf said || atf_fail "-nv does not say it twice"
	# Defaults too.
	: >empty.conf
	chmod 600 empty.conf
	exits 0 "$kbsd" -nv -f empty.conf
	grep -q '^listen on "127.0.0.1" port 9443 role all$' said &&
	    grep -q '^keystore "local" local$' said || atf_fail "$(cat said)"
	mv said once.conf
	chmod 600 once.conf
	exits 0 "$kbsd" -nv -f once.conf
	diff -u once.conf said || atf_fail "-nv does not say it twice"

	# A macro of the command line is not changed by the file.
	exits 0 "$kbsd" -nv -D where_to=4711 -D where=/else -f good.conf
	grep -q '^listen on "\*" port 4711' said &&
	    grep -q '^directory "/else"$' said || atf_fail "$(cat said)"
	exits 2 "$kbsd" -nv -D port -f good.conf

	exits 0 "$kbsd" -V
	grep -Eq '^kbsd [0-9]+\.[0-9]+ \(' said || atf_fail "$(cat said)"
	exits 2 "$kbsd" -x
	exits 2 "$kbsd" -n -f good.conf more
	grep -q '^usage: kbsd' cried || atf_fail "$(cat cried)"
}

daemon_case stop "SIGTERM and SIGINT end kbsd with 0, in the middle of work"
stop_body()
{
	start_kbsd
	p=$(pid_of frontend)
	ctl key create -a RSA -l 4096 >made 2>&1 &
	maker=$!
	sleep 0.2
	stop_kbsd
	wait $maker
	run_kbsd
	pids=$(kbsd_processes)
	# A connection that hangs does not hold it up.
	mkfifo never
	openssl s_client -connect "localhost:$port" -quiet <never \
	    >s_client 2>&1 &
	client=$!
	exec 9>never
	sleep 0.5
	begin=$(date +%s)
	kill -INT "$kbsd_pid"
	wait "$kbsd_pid" || atf_fail "ended with $?"
	[ $(($(date +%s) - begin)) -le 8 ] || atf_fail "slow"
	for pid in $pids; do
		! kill -0 "$pid" 2>/dev/null || atf_fail "$pid is left"
	done
	exec 9>&-
	wait "$client"
	grep -q 'kbsd has stopped' log || atf_fail "$(cat log)"
}

daemon_case daemon "without -d it goes into the background; titles"
daemon_body()
{
	start_ita
	write_conf 'prefork 2'
	sed -i "s/^listen on .*/&\\nlisten on 127.0.0.1 port $(free_port) \
role transfer/" "$conf"
	daemon_users
	exits 0 "$bin/kbsd" -f "$conf"
	wait_for 200 ctl show status >/dev/null 2>&1 || atf_fail "not up"
	kbsd_pid=$(ctl -j show status | jq -r .parent_pid)
	echo "$kbsd_pid" >>pids
	[ "$(ps -o sid= -p "$kbsd_pid" | tr -d ' ')" = "$kbsd_pid" ] ||
	    [ "$(ps -o tty= -p "$kbsd_pid")" = "?" ] || atf_fail "session"
	http 200 GET /version
	kbsd_sid=$(ps -o sid= -p "$kbsd_pid" | tr -d ' ')
	echo "$kbsd_sid" >>pids
	ps -o args= -s "$kbsd_sid" | sed 's/ *\.*$//' | sort >titles
	sort >want <<TITLES
kbsd: audit 0
kbsd: auth 0
kbsd: broker 0
kbsd: control 0
kbsd: engine 0
kbsd: engine 1
kbsd: fetcher 0
kbsd: frontend 0
kbsd: frontend 1
kbsd: gate 0
kbsd: gate 1
kbsd: hasher 0
kbsd: kms 0
kbsd: maker 0
kbsd: parent
kbsd: signer 0
kbsd: store 0
kbsd: verifier 0
kbsd: verifier 1
TITLES
	diff -u want titles || atf_fail "titles"
	ctl -j show processes | jq -r '.[].pid' | sort >shown
	kbsd_processes "$kbsd_sid" | tr -d ' ' | grep -vx "$kbsd_pid" |
	    sort >running
	diff -u running shown || atf_fail "what is shown is not what runs"
	kill "$kbsd_pid"
	wait_for 60 kbsd_is_gone "$kbsd_sid" || atf_fail "it goes on"
}

# A start with the reference server's variables and no configuration.
run_environment()
{
	[ ! -e /etc/kbsd/kbsd.conf ] && [ ! -e /usr/local/etc/kbsd/kbsd.conf ] ||
	    atf_skip "there is a configuration at the usual place"
	setsid $kbsd_as HOME="$dir" SSL_CERT_FILE="$dir/ita/tls-ca.pem" \
	    SERVICE_PORT="$port" ADMIN_USERNAME=root.admin \
	    ADMIN_PASSWORD="a password of theirs" SAN_LIST=127.0.0.1,localhost \
	    TRUSTAUTHORITY_API_URL="$ita" TRUSTAUTHORITY_BASE_URL="$ita" \
	    TRUSTAUTHORITY_API_KEY="$(cat "$dir/ita/api.key")" \
	    BEARER_TOKEN_VALIDITY_IN_MINUTES=7 LOG_LEVEL=INFO "$@" \
	    "$bin/kbsd" -d >>"$log" 2>&1 &
	kbsd_pid=$!
	echo "$kbsd_pid" >>"$dir/pids"
	wait_for 200 kbsd_answers || {
		tail -n 20 "$log"
		atf_fail "kbsd does not come up"
	}
}

# None of these is in the memory of the parent.
scrubbed()
{
	python3 - "$kbsd_pid" "$@" <<'SCRIPT' || atf_fail "the parent has it"
import sys

pid = sys.argv[1]
secrets = [s.encode() for s in sys.argv[2:]]
with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
    for line in maps:
        words = line.split()
        if words[1][0] != "r" or words[-1].startswith("[v"):
            continue
        low, high = (int(w, 16) for w in words[0].split("-"))
        mem.seek(low)
        text = mem.read(high - low)
        for n, s in enumerate(secrets):
            if s in text:
                sys.exit(f"secret {n} is in {line}")
SCRIPT
}

roots()
{
	ctl -j show roots | jq -r '.[0] | .state + " " + .sha256'
}

taken()
{
	[ "$(roots)" = "taken on first use $1" ] && [ "$(ctl -j show status |
	    jq -r .configuration)" = "$2" ]
}

daemon_case environment "the reference server's environment, root on first use" \
    "" 180
environment_body()
{
	start_ita
	start_vault --plain
	plain_user
	ln -s ../ita "$dir/ita"
	ln -s ../vault "$dir/vault"
	port=$(free_port)
	url=https://localhost:$port/kbs/v1
	state=$dir/.local/state/kbsd
	ctl()
	{
		$kbsd_as "$bin/kbsctl" "$@"
	}
	run_environment KEY_MANAGER=Vault VAULT_SERVER_IP=127.0.0.1 \
	    VAULT_SERVER_PORT="${vault##*:}" \
	    VAULT_CLIENT_TOKEN="$(cat "$dir/vault/token")"
	# The first root that is shown is taken, by itself.
	first=$(openssl x509 -in ita/root.pem -noout -fingerprint -sha256 |
	    sed 's/.*=//; s/://g' | tr A-F a-f)
	wait_for 150 taken "$first" 1 || {
		roots
		tail -n 30 "$log"
		atf_fail "the root was not taken"
	}
	grep -q "the root that the service shows.*$first" "$log" ||
	    atf_fail "not logged"
	grep -q "theirs\|$(cat ita/api.key)\|$(cat vault/token)" "$log" &&
	    atf_fail "a secret is logged"
	[ "$(stat -c %a "$state/environment")" = 700 ] || atf_fail "mode"
	# Nor is it in a file, or with whoever does not own it.
	[ "$(ls -m "$state/environment")" = "ita-root.pem, kbsd.conf" ] &&
	    grep -q 'password credential "admin.password"' \
	    "$state/environment/kbsd.conf" ||
	    atf_fail "$(ls -m "$state/environment")"
	! grep -rq "theirs\|$(cat vault/token)" "$state" ||
	    atf_fail "a secret is on disk"
	! is_root || scrubbed "a password of theirs" "$(cat ita/api.key)" \
	    "$(cat vault/token)"
	password="a password of theirs"
	login root.admin
	api 201 POST /key-transfer-policies "$(jq -n --arg m "$(tee_mrtd)" \
	    '{attestation_type: "TDX", tdx: {attributes: {mrtd: [$m]}}}')"
	policy=$(jq -r .id body)
	api 201 POST /keys "{\"key_information\": {\"algorithm\": \"AES\",
	    \"key_length\": 256}, \"transfer_policy_id\": \"$policy\"}"
	key=$(jq -r .id body)
	curl -sSf "$vault/standin" -d '{}' -o said
	jq -e ".keys[\"keybroker/$key\"]" said >/dev/null ||
	    atf_fail "the key is not in Vault"
	# The verifiers start anew with the root that the first one took.
	wait_for 100 get_key "$key" got || atf_fail "the key is not released"
	# Another root is no root, whatever the service shows; also after a
	# restart.
	fault '{"other-root": true, "rotate": 2}'
	exits 0 ctl reload
	wait_for 100 taken "$first" 2 || atf_fail "$(roots)"
	held_token --fault other-root --fault rotate=2
	kbsget -k "$key" -K pair.pem -t token.jwt -o no 2>cried &&
	    atf_fail "released by another root"
	stop_kbsd
	run_environment KEY_MANAGER=Vault VAULT_SERVER_IP=127.0.0.1 \
	    VAULT_SERVER_PORT="${vault##*:}" \
	    VAULT_CLIENT_TOKEN="$(cat "$dir/vault/token")"
	wait_for 50 taken "$first" 1 || atf_fail "$(roots)"
	kbsget -k "$key" -K pair.pem -t token.jwt -o no 2>cried &&
	    atf_fail "released by another root after a restart"
	# An operator takes it.
	exits 1 ctl unpin nobody
	exits 0 ctl unpin ita
	wait_for 150 other_taken || {
		tail -n 30 "$log"
		atf_fail "$(roots)"
	}
	fault '{"clear": true}'
	exits 0 ctl unpin ita
	wait_for 150 again_taken "$first" || atf_fail "$(roots)"
	wait_for 100 get_key "$key" got || atf_fail "not released"
	stop_kbsd
}

again_taken()
{
	[ "$(roots)" = "taken on first use $1" ]
}

other_taken()
{
	case $(roots) in
	*"$first") return 1 ;;
	"taken on first use "*) return 0 ;;
	esac
	return 1
}

# judged WORD ...: a block that judges Intel quotes here.
judged()
{
	echo 'attestation "local" {'
	printf '\t%s\n' dcap "$@"
	echo '}'
}

daemon_case collateral "where the collateral of Intel quotes comes from"
collateral_body()
{
	start_ita
	mkdir coll
	"$standin/tee" -d tee -o /dev/null \
	    --collateral "coll/sgx-30807f000000" || atf_fail "no collateral"
	# From files, behind a service, in front of which it stands.
	judged "collateral directory \"$dir/coll\"" >local.conf
	chmod 600 local.conf
	write_conf
	printf 'include "%s"\n' "$dir/local.conf" | cat - "$conf" >both.conf
	cat both.conf >"$conf"
	run_kbsd
	ctl -j show roots | jq -r '.[] | .attestation + " " + .root + " " +
	    .state' >said
	printf 'ita %s configured\nlocal - built in\n' \
	    "$dir/ita/root.pem" >want
	cmp -s want said || atf_fail "$(cat said)"
	exits 1 ctl unpin local
	grep -q "Intel's, which is built in" cried || atf_fail "$(cat cried)"
	[ -n "$(pid_of fetcher 1)" ] && [ -z "$(pid_of fetcher 2)" ] ||
	    atf_fail "$(ctl show processes)"
	# Over the network, alone, with a root of our own.
	judged "collateral from \"https://localhost:1\"" \
	    "root \"$dir/tee/tee-root.pem\"" \
	    "ca \"$dir/ita/tls-ca.pem\"" >local.conf
	ita=
	write_conf "include \"$dir/local.conf\""
	exits 0 ctl reload
	wait_for 100 alone || atf_fail "$(ctl show roots)"
	[ -n "$(pid_of fetcher)" ] || atf_fail "$(ctl show processes)"
	# A directory that is none is said before anything is changed.
	judged "collateral directory \"$dir/none\"" >local.conf
	exits 1 ctl reload
	alone || atf_fail "$(ctl show roots)"
	stop_kbsd
	start_refused "$dir/none: No such file"
	judged "collateral directory \"$conf\"" >local.conf
	start_refused "is no directory"
}

alone()
{
	[ "$(ctl -j show roots | jq -r '.[] | .attestation + " " + .state')" \
	    = "local configured" ]
}

daemon_case bad_environment "what is wrong with it is named"
bad_environment_body()
{
	daemon_find
	plain_user
	refuses()
	{
		text=$1
		shift
		$kbsd_as HOME="$dir" "$@" "$bin/kbsd" -dn >refused.log 2>&1 &&
		    atf_fail "taken: $*"
		grep -q "$text" refused.log || atf_fail "$(cat refused.log)"
	}
	refuses "no ADMIN_PASSWORD" ADMIN_USERNAME=x
	refuses "no TRUSTAUTHORITY_BASE_URL" TRUSTAUTHORITY_API_URL=https://x
	refuses "SERVICE_PORT=0: too small" ADMIN_USERNAME=x \
	    ADMIN_PASSWORD=123456789 SERVICE_PORT=0
	refuses "no VAULT_SERVER_IP" KEY_MANAGER=vault
	refuses "must be Vault or KMIP" KEY_MANAGER=else
	refuses "no KMIP_SERVER_IP" KEY_MANAGER=KMIP
	refuses "no KMIP_ROOT_CERT_PATH" KEY_MANAGER=kmip KMIP_SERVER_IP=x \
	    KMIP_CLIENT_CERT_PATH=/c KMIP_CLIENT_KEY_PATH=/k
	refuses "ADMIN_PASSWORD has a quote" ADMIN_PASSWORD='a"b'
	[ ! -e "$dir/.local/state/kbsd/environment/kbsd.conf" ] ||
	    atf_fail "written all the same"
}

atf_init_test_cases()
{
	daemon_add_cases
}
