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

# What tests of the running daemon share.  A test program reads it with
#	. "$(atf_get_srcdir)/daemon.sh"
# and declares each case with daemon_case NAME "what it shows": that makes the
# head with what the case needs, and the clean-up that leaves no process.  The
# test itself is NAME_body.  Everything lies in the work directory of the case.
#
#	start_ita [option ...]	the Trust Authority stand-in; before start_kbsd
#	stop_ita		fails unless it ends
#	start_vault [option ...] the Vault stand-in, in the directory vault;
#				sets $vault, its URL
#	keystore_vault [line ...] prints a keystore block for it
#	start_kmip [option ...]	PyKMIP's server, in the directory kmip
#	keystore_kmip [line ...] likewise
#	start_token		SoftHSM with a token, in the directory token
#	keystore_pkcs11 [line ...] likewise
#	start_kbsd [line ...]	kbsd with these lines more in its configuration
#	stop_kbsd		by SIGTERM; fails unless it ends with 0
#	ctl word ...		kbsctl
#	login [name [word]]	sets $token; default: the administrator
#	http STATUS METHOD PATH [curl option ...]
#				fails unless the status is this one; what came
#				is in the files body and head
#	api STATUS METHOD PATH [JSON [curl option ...]]
#				the same with $token, and JSON both ways
#	policy [option ...]	prints the id of a new TDX policy that the quotes
#				of get_key fit
#	get_key KEY FILE [option ...]
#				kbsget with a quote of the simulated TEE
#	exits STATUS command ...
#				as atf_check, for functions too; what it wrote
#				is in the files said and cried
#
# and sets src, bin, standin, dir, conf, state, port, url, audit, log, kbsd_pid.

daemon_find()
{
	src=${KBSD_SRC:-$(atf_get_srcdir)}
	while [ ! -x "$src/regress/standin/trust-authority" ]; do
		[ "$src" != / ] || atf_skip "KBSD_SRC is not set"
		src=$(dirname "$src")
	done
	standin=$src/regress/standin
	bin=${KBSD_BIN:-$(atf_get_srcdir)/../../bin}
	[ -x "$bin/kbsd" ] || atf_skip "KBSD_BIN: no kbsd in $bin"
	bin=$(cd "$bin" && pwd)
	dir=$(pwd)
	conf=$dir/kbsd.conf
	state=$dir/state
	audit=$state/audit.log
	log=$dir/log
	password="correct horse battery"
	export no_proxy='*'
}

daemon_case()
{
	# First: it defines all three, empty.
	atf_test_case "$1" cleanup
	eval "${1}_head()
	{
		atf_set descr \"$2\"
		atf_set require.progs \
		    \"curl jq openssl python3 ps setsid ${3:-}\"
		atf_set timeout ${4:-120}
	}
	${1}_cleanup()
	{
		leave_nothing
	}"
	daemon_cases="${daemon_cases:-} $1"
}

# All cases in the order in which they were declared.
daemon_add_cases()
{
	local name

	for name in $daemon_cases; do
		atf_add_test_case "$name"
	done
}

is_root()
{
	[ "$(id -u)" -eq 0 ]
}

# As root kbsd wants two users; of tests that begin at once one makes them.
daemon_users()
{
	local user

	is_root || return 0
	exec 8<"$bin/kbsd"
	flock 8
	for user in _kbsd _kbsdkey; do
		id "$user" >/dev/null 2>&1 || useradd --system \
		    --no-create-home --shell /usr/sbin/nologin "$user" ||
		    atf_skip "there is no user $user and none can be made"
	done
	exec 8<&-
}

# A TCP port that nobody has now.  Below the range that connections get, and
# of a piece of it that is this test's alone: kyua numbers the directories of
# those that run at once.
free_port()
{
	python3 - "$dir" <<'PY'
import itertools, random, re, socket, sys
PIECE = 8
number = re.search(r"/kyua\.[^/]+/(\d+)/", sys.argv[1] + "/")
first = 20000 + int(number[1]) % (12000 // PIECE) * PIECE if number else 0
try:
    given = open(sys.argv[1] + "/ports").read().split()
except OSError:
    given = []
mine = range(first, first + PIECE) if number else ()
others = (random.randrange(20000, 32000) for _ in itertools.count())
for port in itertools.chain(mine, others):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            s.listen()
        except OSError:
            continue
    if str(port) not in given:
        break
with open(sys.argv[1] + "/ports", "a") as f:
    print(port, file=f)
print(port)
PY
}

start_ita()
{
	[ -n "${bin:-}" ] || daemon_find
	mkdir -p "$dir/ita"
	"$standin/trust-authority" -d "$dir/ita" -D "$@" ||
	    atf_fail "no stand-in"
	ita=https://localhost:$(cat "$dir/ita/port")
}

# Of a session of its own, as kbsd.
stop_ita()
{
	local pid

	pid=$(cat "$dir/ita/pid") && kill "$pid" ||
	    atf_fail "no stand-in to stop"
	wait_for 600 kbsd_is_gone "$pid" || atf_fail "the stand-in stays"
}

start_vault()
{
	[ -n "${bin:-}" ] || daemon_find
	mkdir -p "$dir/vault"
	"$standin/vault" -d "$dir/vault" -D "$@" || atf_fail "no stand-in"
	vault=$(cat "$dir/vault/url")
}

keystore_vault()
{
	echo "keystore \"vault\" vault {"
	echo "	url \"$vault\""
	echo "	ca \"$dir/vault/tls-ca.pem\""
	case "$*" in
	*approle*) ;;
	*) echo "	token file \"$dir/vault/token\"" ;;
	esac
	[ $# -eq 0 ] || printf '	%s\n' "$@"
	echo "}"
}

start_kmip()
{
	[ -n "${bin:-}" ] || daemon_find
	[ -d /usr/lib/python3/dist-packages/kmip ] ||
	    atf_skip "python3-pykmip is missing"
	mkdir -p "$dir/kmip"
	"$standin/kmip" -d "$dir/kmip" -D "$@" || atf_fail "no KMIP server"
}

keystore_kmip()
{
	echo "keystore \"kmip\" kmip {"
	echo "	server \"localhost\" port $(cat "$dir/kmip/port")"
	echo "	certificate \"$dir/kmip/client.pem\"" \
	    "key \"$dir/kmip/client.key\""
	echo "	ca \"$dir/kmip/ca.pem\""
	[ $# -eq 0 ] || printf '	%s\n' "$@"
	echo "}"
}

start_token()
{
	[ -n "${bin:-}" ] || daemon_find
	[ -e /usr/lib/softhsm/libsofthsm2.so ] || atf_skip "softhsm2 is missing"
	daemon_users
	mkdir -p "$dir/token/tokens"
	cat >"$dir/token/softhsm2.conf" <<CONF
directories.tokendir = $dir/token/tokens
objectstore.backend = file
CONF
	(
		umask 077
		echo "${1:-a known PIN of the token}" >"$dir/token/pin"
	)
	SOFTHSM2_CONF=$dir/token/softhsm2.conf softhsm2-util --init-token \
	    --free --label kbsd --so-pin 12345678 \
	    --pin "$(cat "$dir/token/pin")" >said || atf_fail "no token"
	! is_root || chown -R _kbsdkey "$dir/token/tokens"
}

keystore_pkcs11()
{
	echo "keystore \"pkcs11\" pkcs11 {"
	echo "	module \"/usr/lib/softhsm/libsofthsm2.so\""
	echo "	token \"kbsd\" pin file \"$dir/token/pin\""
	echo "	read \"$dir/token/softhsm2.conf\""
	echo "	write \"$dir/token/tokens\""
	echo "	environment \"SOFTHSM2_CONF=$dir/token/softhsm2.conf\""
	[ $# -eq 0 ] || printf '	%s\n' "$@"
	echo "}"
}

# vault_set JSON: of the stand-in (POST /standin); what it tells is in `said'.
vault_set()
{
	curl -sSf -m 120 --cacert "$dir/vault/tls-ca.pem" -d "$1" -o said \
	    "$vault/standin" || atf_fail "vault_set $1"
}

vault_fault()
{
	curl -sSf -m 120 --cacert "$dir/vault/tls-ca.pem" -d "$1" -o said \
	    "$vault/fault" || atf_fail "vault_fault $1"
}

# fault JSON: something goes wrong at the stand-in; {"clear": true} ends it.
fault()
{
	curl -sSf -m 120 --cacert "$dir/ita/tls-ca.pem" -d "$1" -o /dev/null \
	    "$ita/fault" || atf_fail "fault $1"
}

# write_conf [line ...]
write_conf()
{
	[ -n "${bin:-}" ] || daemon_find
	[ -n "${port:-}" ] || port=$(free_port)
	url=https://localhost:$port/kbs/v1
	(
		umask 077
		echo "$password" >"$dir/admin.password"
	)
	{
		echo "directory \"$state\""
		echo "control socket \"$dir/kbsd.sock\""
		echo "listen on 127.0.0.1 port $port"
		echo "administrator \"admin\" password file" \
		    "\"$dir/admin.password\""
		[ -z "${ita:-}" ] || cat <<CONF
attestation "ita" {
	trust authority api "$ita"
	base "$ita"
	api key file "$dir/ita/api.key"
	root "$dir/ita/root.pem"
	ca "$dir/ita/tls-ca.pem"
	retry wait 1s to 1s
}
CONF
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >"$conf"
	chmod 600 "$conf"
}

# Run kbsd as it is configured, in a session of its own, so that what it leaves
# behind can be told from others; wait until it answers.
run_kbsd()
{
	daemon_users
	setsid ${kbsd_as:-} "$bin/kbsd" -d -f "$conf" "$@" >>"$log" 2>&1 &
	kbsd_pid=$!
	echo "$kbsd_pid" >>"$dir/pids"
	wait_for 600 kbsd_answers || {
		tail -n 20 "$log"
		atf_fail "kbsd does not come up"
	}
	# Made when all else is there already.
	! grep -q ^administrator "$conf" ||
	    wait_for 600 ctl user show admin >"$dir/said" 2>&1 ||
	    atf_fail "no administrator: $(cat "$dir/said")"
}

# start_refused TEXT [option ...]: kbsd ends by itself with 1, the log says
# TEXT, and no process is left.
start_refused()
{
	local text=$1 pid status

	shift
	daemon_users
	setsid ${kbsd_as:-} "$bin/kbsd" -d -f "$conf" "$@" >refused.log 2>&1 &
	pid=$!
	echo "$pid" >>"$dir/pids"
	wait_for 600 not kill -0 "$pid" || atf_fail "started"
	wait "$pid" && status=0 || status=$?
	[ "$status" = 1 ] && grep -q "$text" refused.log || {
		cat refused.log
		atf_fail "ended with $status, or not for: $text"
	}
	wait_for 600 kbsd_is_gone "$pid" ||
	    atf_fail "kbsd left behind: $(ps -o pid,args -s "$pid")"
}

not()
{
	! "$@" 2>/dev/null
}

kbsd_answers()
{
	kill -0 "$kbsd_pid" 2>/dev/null || return 1
	ctl show status >/dev/null 2>&1
}

start_kbsd()
{
	write_conf "$@"
	run_kbsd
}

# wait_for TENTHS command ...: until it succeeds.
wait_for()
{
	local tenths=$1

	shift
	while ! "$@"; do
		tenths=$((tenths - 1))
		[ "$tenths" -gt 0 ] || return 1
		sleep 0.1
	done
}

# The processes of the session that kbsd (or the pid given) began, without
# those that are dead already and wait for a parent.
kbsd_processes()
{
	ps -o pid=,stat= -s "${1:-$kbsd_pid}" | awk '$2 !~ /^Z/ { print $1 }'
}

kbsd_is_gone()
{
	[ -z "$(kbsd_processes "$@")" ]
}

stop_kbsd()
{
	local status

	kill "$kbsd_pid" || atf_fail "kbsd is not there"
	wait "$kbsd_pid" && status=0 || status=$?
	[ "$status" -eq 0 ] || {
		tail -n 20 "$log"
		atf_fail "kbsd ended with $status"
	}
	wait_for 600 kbsd_is_gone ||
	    atf_fail "kbsd left behind: $(ps -o pid,args -s "$kbsd_pid")"
}

# Is it still the process that we began, and not somebody else's who has got
# its number since?  Ours stand in the directory of the test, or below.
is_ours()
{
	case $(readlink "/proc/$1/cwd")/ in
	"$(pwd -P)"/*) ;;
	*) return 1 ;;
	esac
}

# Also when the body failed: nothing goes on running.
leave_nothing()
{
	local pid

	for pid in $(cat loads ita/pid vault/pid kmip/pid 2>/dev/null); do
		! is_ours "$pid" || kill "$pid" 2>/dev/null || :
	done
	[ -f pids ] || return 0
	for pid in $(cat pids); do
		! kbsd_is_gone "$pid" || continue
		kill "$pid" 2>/dev/null || :
		wait_for 60 kbsd_is_gone "$pid" || {
			echo "killed: $(ps -o pid,args -s "$pid")" >&2
			kill -9 $(kbsd_processes "$pid") 2>/dev/null || :
		}
	done
	[ ! -f log ] || tail -n 50 log
}

ctl()
{
	"$bin/kbsctl" -s "$dir/kbsd.sock" "$@"
}

exits()
{
	local want=$1 got

	shift
	"$@" >said 2>cried && got=0 || got=$?
	[ "$got" = "$want" ] || {
		cat said cried
		atf_fail "$* ended with $got, not $want"
	}
}

# pid_of KIND [INSTANCE]
pid_of()
{
	ctl -j show processes | jq -r --arg p "$1" --arg i "${2:-0}" '
	    .[] | select(.process == $p and (.instance | tostring) == $i) |
	    .pid'
}

# curl_kbsd PATH [curl option ...]
curl_kbsd()
{
	local path=$1

	shift
	curl -sS -m 60 --cacert "$state/tls.crt" "$@" "$url$path"
}

http()
{
	local want=$1 method=$2 path=$3 got

	shift 3
	got=$(curl_kbsd "$path" -X "$method" -o body -D head \
	    -w '%{http_code}' "$@") || got="$got (curl: $?)"
	[ "$got" = "$want" ] || {
		cat head body 2>/dev/null
		atf_fail "$method $path: $got, not $want"
	}
}

login()
{
	jq -n --arg u "${1:-admin}" --arg p "${2:-$password}" \
	    '{username: $u, password: $p}' >login.json
	http 200 POST /token -H 'Content-Type: application/json' \
	    -H 'Accept: application/jwt' -d @login.json
	token=$(cat body)
}

api()
{
	local want=$1 method=$2 path=$3 json=${4:-}

	[ $# -lt 4 ] && shift 3 || shift 4
	[ -z "$json" ] || set -- -H 'Content-Type: application/json' \
	    -d "$json" "$@"
	http "$want" "$method" "$path" -H 'Accept: application/json' \
	    -H "Authorization: Bearer $token" "$@"
}

# Of every TD that the simulated TEE makes with the same options.
tee_mrtd()
{
	[ -f quote.mrtd ] || {
		"$standin/tee" -d "$dir/tee" -t tdx -r "$(printf '%0128d' 0)" \
		    -o quote.any &&
		"$standin/tee" --show quote.any | jq -r .mrtd >quote.mrtd
	} || atf_fail "no quote"
	cat quote.mrtd
}

policy()
{
	jq -n --arg m "${1:-$(tee_mrtd)}" '{attestation_type: "TDX",
	    tdx: {attributes: {mrtd: [$m], enforce_tcb_upto_date: true}}}' \
	    >policy.json
	ctl policy add policy.json
}

kbsget()
{
	"$bin/kbsget" -u "https://localhost:$port" -c "$state/tls.crt" "$@"
}

get_key()
{
	local key=$1 out=$2

	shift 2
	kbsget -k "$key" -o "$out" \
	    -q "$standin/tee -d $dir/tee -t tdx $*"
}

# held_token [token option ...]: a key pair in pair.pem, a token for it in
# token.jwt; then `kbsget -K pair.pem -t token.jwt' is a transfer that needs
# nothing from the service.
held_token()
{
	[ -f pair.pem ] || "$bin/kbsget" -g -K pair.pem -T tdx -H held ||
	    atf_fail "no key pair"
	"$standin/trust-authority" -d "$dir/ita" token --held-data held \
	    --tee tdx -o token.jwt "$@" >/dev/null || atf_fail "no token"
}

# start_load KEY [kbsget]: clients that do not stop (see load.py), until
# stop_load; what they saw is then in load.json.  KEY needs a policy of `policy'.
start_load()
{
	held_token
	rm -f load.ready load.enough
	python3 "$(atf_get_srcdir)/load.py" "$port" "$state/tls.crt" "$1" \
	    token.jwt admin.password "${2:+'$bin/kbsget' \
	    -u 'https://localhost:$port' -c '$state/tls.crt' -k '$1' \
	    -q '$standin/tee -d $dir/tee -t tdx' -o '$dir/load.out'}" \
	    >load.json 2>load.err &
	load_pid=$!
	echo "$load_pid" >>loads
	wait_for 200 test -e load.ready || atf_fail "load.py: $(cat load.err)"
}

stop_load()
{
	kill "$load_pid"
	wait "$load_pid" || atf_fail "load.py: $(cat load.err)"
	jq -c '[.done, .closed]' load.json
}

# Each line of the audit log has its number and the hash of the one before; a
# line that was torn by a crash counts, and says neither.
audit_intact()
{
	python3 - "${1:-$audit}" <<'PY'
import hashlib, json, sys
prev, n, whole = "0" * 64, 0, 0
for line in open(sys.argv[1], "rb"):
    try:
        o = json.loads(line)
    except ValueError:
        o = None
    n += 1
    if o is not None:
        whole += 1
        if o["n"] != n:
            sys.exit("line %d is numbered %d" % (n, o["n"]))
        if o["prev"] != prev:
            sys.exit("line %d does not fit the one before" % n)
    prev = hashlib.sha256(line.rstrip(b"\n")).hexdigest()
if not whole:
    sys.exit("no lines")
PY
}
