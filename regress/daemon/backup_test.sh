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

# kbsctl backup and restore: a kbsd ends, another one begins with its file.

. "$(atf_get_srcdir)/daemon.sh"

recipient()
{
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 \
	    -out recipient.key 2>/dev/null
	openssl pkey -in recipient.key -pubout -out recipient.pem
	chmod 600 recipient.key
}

# begin [line ...]: with a recipient, a policy, three keys with versions and a
# user.
begin()
{
	recipient
	start_ita
	start_kbsd "backup recipient \"$dir/recipient.pem\"" "$@"
	policy=$(policy)
	openssl rand 32 >first
	openssl rand 32 >second
	aes=$(ctl key register -a AES -A -p "$policy" -f first)
	ec=$(ctl key create -a EC -c secp384r1 -p "$policy")
	bare=$(ctl key create -a RSA -l 3072)
	exits 0 ctl key rotate "$aes" -f second
	exits 0 ctl key rotate "$ec"
	get_key "$ec" ec.want
	kbsget_version 1 "$ec" ec.first
	echo "a word of alice" >alice.password
	ctl user add alice keys:search -p alice.password >/dev/null
}

# kbsget_version VERSION KEY FILE
kbsget_version()
{
	kbsget -k "$2" -o "$3" -V "$1" \
	    -q "$standin/tee -d $dir/tee -t tdx" || atf_fail "version $1"
}

# Another kbsd, in the place of the first.
begin_again()
{
	stop_kbsd
	mv "$state" state.first
	start_kbsd "$@"
}

same_as_before()
{
	for what in "policy list" "key list"; do
		exits 0 ctl -j $what
		cmp -s said "$what" || {
			diff said "$what"
			atf_fail "$what is another one"
		}
	done
}

remember()
{
	for what in "policy list" "key list"; do
		exits 0 ctl -j $what
		mv said "$what"
	done
}

daemon_case local "all of it, into another local keystore"
local_body()
{
	begin
	remember
	exits 0 ctl backup all
	atf_check -o match:"^1 policies, 2 users, 3 keys in 5 versions" \
	    cat said
	sum=$(sed -n 's/^sha256 //p' said)
	atf_check -o inline:"600\n" stat -c %a all
	# Nothing secret is in it, nor anywhere without the private key.
	for secret in first second ec.want; do
		exits 1 grep -qaF "$(base64 -w0 "$secret" | cut -c 1-40)" all
		python3 -c 'import sys
sys.exit(open(sys.argv[1], "rb").read() in open("all", "rb").read())' \
		    "$secret" || atf_fail "$secret is in it"
	done
	exits 1 grep -q '\$2[ab]\$' all
	exits 1 ctl backup all
	atf_check -o match:"is there already" cat cried
	jq -r 'select(.event == "decision") | [.operation, .verdict] |
	    join(" ")' "$audit" | sort | uniq -c >lines
	atf_check -o match:"5 key backup backup" -o match:"2 user backup" \
	    cat lines

	begin_again
	exits 0 ctl restore -n -K recipient.key -d "$sum" all
	atf_check -o match:"would be taken" cat said
	exits 0 ctl -j key list
	atf_check -o inline:"[]\n" cat said
	exits 0 ctl restore -K recipient.key all
	atf_check -o match:"user .* admin .*there is a user of this name" \
	    cat said
	same_as_before
	get_key "$aes" got
	atf_check cmp second got
	kbsget_version 1 "$aes" got.first
	atf_check cmp first got.first
	get_key "$ec" got.ec
	atf_check cmp ec.want got.ec
	kbsget_version 1 "$ec" got.ec1
	atf_check cmp ec.first got.ec1
	login alice "a word of alice"
	# Attested only, as it was.
	login
	openssl pkey -in recipient.key -pubout -out any.pem
	http 401 POST "/keys/$aes" -H 'Content-Type: application/x-pem-file' \
	    -H 'Accept: application/json' -H "Authorization: Bearer $token" \
	    --data-binary @any.pem
	# Once more: it is there.
	exits 0 ctl -j restore -K recipient.key all
	atf_check -o inline:"is there already\n" jq -r 'map(select(.name !=
	    "admin") | .result) | unique | .[]' said
	# With other things in it no kbsd is written over.
	ctl key create -a AES -l 256 >/dev/null
	exits 1 ctl restore -K recipient.key all
	atf_check -o match:"is not empty" cat cried
	stop_kbsd
}

daemon_case refused "changed, cut, of another key: nothing is begun"
refused_body()
{
	begin
	exits 0 ctl -j backup all
	sum=$(jq -r .sha256 said)
	recipient_was=recipient.key
	begin_again
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 \
	    -out other.key 2>/dev/null
	exits 1 ctl restore -K other.key all
	atf_check -o match:"sealed for another key" cat cried
	exits 1 ctl restore -K recipient.key -d "$(printf '%064d' 0)" all
	atf_check -o match:"another backup" cat cried
	exits 2 ctl restore all
	exits 1 ctl restore -K recipient.pem all
	for n in 1 20 200; do
		head -c -"$n" all >cut
		exits 1 ctl restore -K recipient.key cut
		atf_check -o match:"nothing was changed" cat cried
	done
	# Whoever changes it can make the digest fit, but not what is sealed.
	python3 - <<'PY'
import hashlib, json
lines = [json.loads(x) for x in open("all")]
def write(name, change):
    out = json.loads(json.dumps(lines[:-1]))
    change(out)
    data = "".join(json.dumps(x, separators=(",", ":")) + "\n" for x in out)
    end = {"end": len(out) - 1,
           "sha256": hashlib.sha256(data.encode()).hexdigest()}
    open(name, "w").write(data + json.dumps(end) + "\n")
def of(out, kind, n=0):
    return [x for x in out if kind in x][n]
def policy(o):
    of(o, "policy")["policy"]["tdx"]["attributes"]["mrtd"] = ["00" * 48]
def move(o):
    a = [x for x in o if "transfer_policy_id" not in x.get("key", "")
         and "key" in x][0]["key"]
    a["transfer_policy_id"], a["key_info"]["attested_only"] = \
        of(o, "policy")["policy"]["id"], False
def swap(o):
    a, b = [x for x in o if "key" in x and len(x["sealed"]) == 2][:2]
    a["sealed"].reverse()
def mark(o):
    for x in o:
        if x.get("key", {}).get("key_info", {}).pop("attested_only", None):
            return
    raise SystemExit("no mark")
def rights(o):
    for x in o:
        if x.get("user", {}).get("username") == "alice":
            x["user"]["permissions"].append("keys:create")
def store(o):
    of(o, "key")["keystore"] = "another"
for f in (policy, move, swap, mark, rights, store):
    write("changed." + f.__name__, f)
write("same", lambda o: None)
def none(kind, seal):
    def change(o):
        of(o, kind)["sealed"] = seal
    return change
write("none.user", none("user", ""))
write("none.key", none("key", [""]))
PY
	for changed in changed.*; do
		exits 1 ctl restore -K recipient.key "$changed"
		atf_check -o match:"can't be opened" cat cried
		exits 0 ctl -j key list
		atf_check -o inline:"[]\n" cat said
	done
	for none in none.*; do
		exits 1 ctl restore -K recipient.key "$none"
		atf_check -o match:"line [0-9]*: nothing is sealed; nothing" \
		    cat cried
	done
	exits 0 ctl restore -n -K recipient.key same
	# The keystore is called otherwise here: all is taken back.
	begin_again 'keystore "elsewhere" local'
	exits 1 ctl restore -K recipient.key all
	atf_check -o match:"no such keystore.*taken back" cat cried
	exits 0 ctl -j policy list
	atf_check -o inline:"[]\n" cat said
	# Without a recipient there is no backup.
	exits 1 ctl backup none
	atf_check -o match:"no backup recipient" cat cried
	[ ! -e none ] && [ ! -e none.part ] || atf_fail "something is left"
	stop_kbsd
}

# policy_there MRTD: under the id of the backup's, made now
policy_there()
{
	mkdir -p theirs/users theirs/keys theirs/keys-transfer-policy
	jq --arg m "$1" --arg id "$policy" \
	    '.tdx.attributes.mrtd = [$m] | .id = $id' policy.json \
	    >"theirs/keys-transfer-policy/$policy"
	ctl import --state theirs
}

# key_there KEY MATERIAL INFORMATION [POLICY]: as restore itself would send it
key_there()
{
	jq -nc --arg id "$1" --arg data "$(base64 -w0 "$2")" --argjson i "$3" \
	    --arg p "${4-}" '{command: "key import", id: $id, body:
	    ({key_information: ({algorithm: "AES", keystore: "local",
	    key_data: $data} + $i)} + if $p == "" then {} else
	    {transfer_policy_id: $p} end)}' >asked
	python3 - "$dir/kbsd.sock" <<'PY'
import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(open("asked", "rb").read())
for line in s.makefile("rb"):
    answer = json.loads(line)
    if "ok" in answer:
        sys.exit(0 if answer["ok"] else answer["error"])
PY
}

# is_another KIND ID WHAT: nothing is begun, and the dry run says so too.
is_another()
{
	remember
	for how in "-n -K" -K; do
		exits 1 ctl restore $how recipient.key all
		atf_check -o match:"$1 $2 is there already, but its $3 is \
not that of the file; nothing was changed" cat cried
		same_as_before
	done
}

daemon_case another "what is there under an id is another policy or key"
another_body()
{
	begin
	exits 0 ctl backup all
	begin_again 'keystore "local" local' 'keystore "here" local'
	# The keys would be released to whom the other text names.
	policy_there "$(printf '%096d' 0)"
	is_another policy "$policy" text
	exits 1 policy_there "$(tee_mrtd)"
	atf_check -o match:"policy $policy is there already" cat cried
	ctl policy delete "$policy"
	exits 0 policy_there "$(tee_mrtd)"
	exits 0 policy_there "$(tee_mrtd)"
	openssl rand 16 >short
	for curve in P-256 P-384; do
		openssl genpkey -quiet -algorithm EC -pkeyopt \
		    ec_paramgen_curve:$curve -out "$curve" 2>/dev/null
	done
	key_there "$aes" first '{"key_length": 256}' "$policy"
	is_another key "$aes" 'mark "attested only"'
	# No version is missing: it is another key all the same.
	exits 0 ctl key rotate "$aes"
	is_another key "$aes" 'mark "attested only"'
	ctl key delete "$aes"
	key_there "$aes" short '{"key_length": 128}' "$policy"
	is_another key "$aes" length
	ctl key delete "$aes"
	key_there "$aes" P-256 '{"algorithm": "EC",
	    "curve_type": "secp256r1"}' "$policy"
	is_another key "$aes" algorithm
	ctl key delete "$aes"
	key_there "$ec" P-256 '{"algorithm": "EC",
	    "curve_type": "secp256r1"}' "$policy"
	is_another key "$ec" curve
	ctl key delete "$ec"
	key_there "$ec" P-384 '{"algorithm": "EC", "keystore": "here",
	    "curve_type": "secp384r1"}' "$policy"
	is_another key "$ec" keystore
	ctl key delete "$ec"
	key_there "$ec" P-384 '{"algorithm": "EC",
	    "curve_type": "secp384r1"}'
	is_another key "$ec" "transfer policy"
	ctl key delete "$ec"
	# The same, made at another time and of one version: it goes on.
	key_there "$aes" first '{"key_length": 256, "attested_only": true}' \
	    "$policy"
	exits 0 ctl restore -K recipient.key all
	atf_check -o match:"policy .*$policy .*is there already" \
	    -o match:"key .*$aes .*taken" cat said
	get_key "$aes" got
	atf_check cmp second got
	exits 0 ctl restore -K recipient.key all
	atf_check -o match:"key .*$aes .*is there already" cat said
	stop_kbsd
}

daemon_case weak "a recipient that is none: kbsd does not start"
weak_body()
{
	daemon_find
	openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
	    2>/dev/null | openssl pkey -pubout -out weak.pem
	write_conf "backup recipient \"$dir/weak.pem\""
	start_refused "no RSA key of 3072 to 8192 bits"
	echo nothing >weak.pem
	start_refused "no public key in PEM"
	rm weak.pem
	start_refused "weak.pem"
}

daemon_case elsewhere "keys in Vault and KMIP: their ids, and all versions"
elsewhere_body()
{
	recipient
	start_ita
	start_vault
	start_kmip
	stores="$(keystore_vault)
$(keystore_kmip)"
	start_kbsd "backup recipient \"$dir/recipient.pem\"" "$stores"
	policy=$(policy)
	openssl rand 32 >first
	openssl rand 32 >second
	keys=
	for k in vault kmip; do
		key=$(ctl key register -a AES -A -k $k -p "$policy" -f first)
		exits 0 ctl key rotate "$key" -f second
		keys="$keys $key"
	done
	remember
	exits 0 ctl backup all
	begin_again "$stores"
	exits 0 ctl restore -K recipient.key all
	same_as_before
	for key in $keys; do
		get_key "$key" got
		atf_check cmp second got
		kbsget_version 1 "$key" got
		atf_check cmp first got
		rm got
		# The new one is its owner now.
		exits 0 ctl key rotate "$key"
		exits 0 ctl key delete "$key"
	done
	vault_set '{}'
	atf_check -o inline:"0\n" jq '.keys | length' said
	stop_kbsd
}

daemon_case token "boxes under a token: they open with that token only"
token_body()
{
	recipient
	start_ita
	start_token
	start_kbsd "backup recipient \"$dir/recipient.pem\"" \
	    "$(keystore_pkcs11)"
	policy=$(policy)
	openssl rand 32 >first
	openssl rand 32 >second
	key=$(ctl key register -a AES -A -p "$policy" -f first)
	exits 0 ctl key rotate "$key" -f second
	ec=$(ctl key create -a EC -c secp256r1 -p "$policy")
	get_key "$ec" ec.want
	remember
	exits 0 ctl backup all
	begin_again "$(keystore_pkcs11)"
	exits 0 ctl restore -K recipient.key all
	same_as_before
	get_key "$key" got
	atf_check cmp second got
	kbsget_version 1 "$key" got.first
	atf_check cmp first got.first
	get_key "$ec" got.ec
	atf_check cmp ec.want got.ec
	# Another token: what the backup has is worth nothing.
	mv token token.first
	start_token
	rm -rf state.first
	begin_again "$(keystore_pkcs11)"
	exits 1 ctl restore -K recipient.key all
	atf_check -o match:"taken back" cat cried
	exits 0 ctl -j key list
	atf_check -o inline:"[]\n" cat said
	stop_kbsd
}

daemon_case killed "kbsd or kbsctl killed while it is restored: done in the end"
killed_body()
{
	begin
	for i in 1 2 3 4 5 6; do
		exits 0 ctl key rotate "$aes"
	done
	remember
	exits 0 ctl backup all
	begin_again
	for i in 1 2 3 4 5 6; do
		ctl restore -K recipient.key all >/dev/null 2>&1 &
		restore=$!
		sleep "0.0$((i * 2))"
		if [ $((i % 2)) = 0 ]; then
			kill -9 "$restore"
		else
			kill -9 $(kbsd_processes)
			wait "$kbsd_pid" || :
			# The last of them may hold the port for a moment.
			wait_for 50 kbsd_is_gone || atf_fail "not dead"
			run_kbsd
		fi
		wait "$restore" || :
	done
	# What a killed kbsd left is finished or undone within a moment.
	wait_for 100 restored || atf_fail "$(cat cried)"
	same_as_before
	kbsget_version 2 "$aes" got
	atf_check cmp second got
	audit_intact
	stop_kbsd
}

restored()
{
	ctl restore -K recipient.key all >said 2>cried
}

atf_init_test_cases()
{
	daemon_add_cases
}
