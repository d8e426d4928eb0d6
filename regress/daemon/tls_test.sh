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

# Certificates: several by name, renewed while kbsd runs, and those that
# clients must show.

. "$(atf_get_srcdir)/daemon.sh"

# make_cert FILE NAME KIND [openssl option ...]: self-signed, FILE.pem, .key
make_cert()
{
	local file=$1 name=$2 kind=$3

	shift 3
	(
		umask 077
		openssl req -x509 -newkey $kind -nodes -keyout "$file.key.new" \
		    -out "$file.pem.new" -days 99 -subj "/CN=$name" \
		    -addext "subjectAltName=DNS:$name" "$@" 2>/dev/null
	) || atf_fail "no certificate $file"
	mv "$file.key.new" "$file.key"
	mv "$file.pem.new" "$file.pem"
}

ec="ec -pkeyopt ec_paramgen_curve:P-256"

serial_of()
{
	openssl x509 -noout -serial -in "$1" | cut -d= -f2
}

# served [-noservername | -servername NAME]: the serial of what is served
served()
{
	openssl s_client -connect "127.0.0.1:$port" "$@" </dev/null \
	    2>/dev/null | openssl x509 -noout -serial | cut -d= -f2
}

serves()
{
	local want=$1

	shift
	[ "$(served "$@")" = "$(serial_of "$want")" ]
}

daemon_case names "two certificates, RSA and ECDSA, by the name asked for"
names_body()
{
	make_cert "$PWD/one" one.example "$ec"
	make_cert "$PWD/two" two.example rsa:2048
	make_ca
	client good
	write_conf
	second=$(free_port)
	start_kbsd 'prefork 1' 'tls watch off' \
	    "listen on 127.0.0.1 port $second client ca \"$PWD/ca.pem\"" \
	    "tls certificate \"$PWD/one.pem\" key \"$PWD/one.key\"" \
	    "tls certificate \"$PWD/two.pem\" key \"$PWD/two.key\""
	ask()
	{
		curl -sS -o body -w '%{http_code}' --cacert "$1.pem" \
		    --connect-to "$1.example:443:127.0.0.1:$2" \
		    "https://$1.example/kbs/v1/version" $3 2>cried
	}
	try()
	{
		serves "$1" -servername one.example || atf_fail "one"
		serves two.pem -servername two.example || atf_fail "two"
		# The first is for all who name none of them.
		serves "$1" -servername three.example || atf_fail "three"
		serves "$1" -noservername || atf_fail "no name"
		for n in one two; do
			[ "$(ask $n "$port")" = 200 ] ||
			    atf_fail "$n.example does not answer: $(cat cried)"
			# By no name is there a way around the other lock.
			[ "$(ask $n "$second" '--cert good.pem --key good.key')" \
			    = 200 ] || atf_fail "$n.example does not answer: $(cat cried)"
			[ "$(ask $n "$second")" = 000 ] ||
			    atf_fail "$n.example lets all in"
		done
	}
	try one.pem
	# Over a reload, with a new one in the place of the first.
	was=$(serial_of one.pem)
	make_cert "$PWD/one" one.example "ec -pkeyopt ec_paramgen_curve:P-384"
	exits 0 ctl reload
	grep -qx "tls certificate \"$PWD/one.pem\" changed: certificate \
serial $(serial_of one.pem) until 20[-0-9T:]*Z, was serial $was until \
20[-0-9T:]*Z, key" said || atf_fail "$(cat said)"
	grep -q "reload: tls certificate \"$PWD/one.pem\" changed" "$log" ||
	    atf_fail "not logged"
	# As long as the old set drains it may answer, too.
	wait_for 400 one_set || atf_fail "two sets"
	try one.pem
	# A key that is not its certificate's is no configuration.
	cp one.key kept.key
	cp two.key one.key
	exits 1 ctl reload
	grep -q "did not come up" cried || atf_fail "$(cat cried)"
	grep -q "the TLS key is not the one of the certificate" "$log" ||
	    atf_fail "not logged"
	try one.pem
	cp kept.key one.key
	stop_kbsd
}

one_set()
{
	[ "$(ctl -j show status | jq -r .sets)" = 1 ]
}

# renewed by itself when its time is nearly over; the key stays
daemon_case own "a self-made certificate is renewed while kbsd runs"
own_body()
{
	start_kbsd 'prefork 1' 'tls watch 1s'
	cp "$state/tls.crt" first.pem
	openssl x509 -in first.pem -noout -checkend $((824 * 86400)) >said ||
	    atf_fail "ends too soon"
	# 796 days are over, by the file; by the certificate, 29 are left.
	openssl x509 -in first.pem -signkey "$state/keys/tls.key" -days 29 \
	    -out short.pem 2>cried || atf_fail "$(cat cried)"
	cat short.pem >"$state/tls.crt"
	touch -d '797 days ago' "$state/tls.crt"
	wait_for 200 again || atf_fail "not renewed: $(cat "$log")"
	wait_for 200 serves "$state/tls.crt" || atf_fail "not served"
	[ "$(openssl x509 -in first.pem -noout -pubkey)" = \
	    "$(openssl x509 -in "$state/tls.crt" -noout -pubkey)" ] ||
	    atf_fail "another key"
	openssl x509 -in "$state/tls.crt" -noout -checkend \
	    $((824 * 86400)) >said || atf_fail "ends too soon"
	# It is over with that: not once a second.
	sleep 2
	[ "$(grep -c 'self-made certificate ends soon' "$log")" = 1 ] ||
	    atf_fail "$(grep -c 'ends soon' "$log")"
	stop_kbsd
}

again()
{
	[ "$(grep -c 'made a TLS certificate' "$log")" = 2 ]
}

# replace NEW FILE: who watches FILE sees the old one or the whole new one
replace()
{
	cp "$1" "$2.new"
	mv "$2.new" "$2"
}

daemon_case renewed "a renewed pair is taken by itself, half of one is not"
renewed_body()
{
	make_cert "$PWD/one" localhost "$ec" -days 5
	start_kbsd 'prefork 1' 'tls watch 1s' \
	    "tls certificate \"$PWD/one.pem\" key \"$PWD/one.key\""
	grep -q "certificate of /CN=localhost ends in [45] days" "$log" ||
	    atf_fail "no warning: $(cat "$log")"
	cp one.pem old.pem
	# What stands in kbsd.conf by now is not what is in force.
	echo 'prefork nonsense' >>"$conf"
	head -c 200 one.pem >half.pem
	mv half.pem one.pem
	wait_for 100 grep -q "one.pem has changed and is not complete" "$log" ||
	    atf_fail "half of one is not noticed"
	sleep 2		# it is looked at twice more, and not said again
	serves old.pem || atf_fail "the old one is not served"
	make_cert "$PWD/two" localhost rsa:2048
	replace two.pem one.pem
	wait_for 200 grep -q "reload refused: the new processes" "$log" ||
	    atf_fail "$(cat "$log")"
	serves old.pem || atf_fail "the old one is not served"
	replace two.key one.key
	wait_for 200 serves two.pem || atf_fail "the new one is not served"
	grep -q "reload: tls certificate \"$PWD/one.pem\" changed: \
certificate serial $(serial_of two.pem) until .*, was serial \
$(serial_of old.pem) until " "$log" || atf_fail "$(grep reload: "$log")"
	# Tried once for each change, not each second.
	[ "$(grep -c 'not complete' "$log")" = 1 ] &&
	    [ "$(grep -c 'files of TLS have changed' "$log")" = 2 ] ||
	    atf_fail "$(grep TLS "$log")"
	stop_kbsd
}

# client NAME [openssl option ...]: a certificate below ca.pem
client()
{
	local name=$1

	shift
	openssl req -newkey $ec -nodes -keyout "$name.key" -out "$name.csr" \
	    -subj "/CN=$name" 2>/dev/null &&
	    openssl ca -config ca.cnf -batch -notext -in "$name.csr" \
	    -out "$name.pem" -cert ca.pem -keyfile ca.key \
	    "$@" 2>said || atf_fail "$(cat said)"
}

make_ca()
{
	cat >ca.cnf <<'CNF'
[ca]
default_ca = d
[d]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
default_md = sha256
default_days = 30
default_crl_days = 30
policy = p
x509_extensions = client
[p]
commonName = supplied
[client]
extendedKeyUsage = clientAuth
[server]
extendedKeyUsage = serverAuth
CNF
	: >index.txt
	echo 01 >serial
	echo 01 >crlnumber
	openssl req -x509 -newkey $ec -nodes -keyout ca.key -out ca.pem \
	    -days 99 -subj '/CN=clients' \
	    -addext 'keyUsage=keyCertSign,cRLSign' 2>/dev/null ||
	    atf_fail "no CA"
}

make_crl()
{
	openssl ca -config ca.cnf -gencrl -cert ca.pem -keyfile ca.key \
	    -out crl.new "$@" 2>said || atf_fail "$(cat said)"
	mv crl.new crl.pem
}

# shown NAME: the status of a request with that certificate, 000: refused
shown()
{
	curl -s -m 20 --cacert "$state/tls.crt" --cert "$1.pem" \
	    --key "$1.key" -o body -w '%{http_code}' "$url$2"
}

# turned_away NAME TEXT: the alert is seen, and the log says why
turned_away()
{
	local was

	was=$(grep -c "client 127.0.0.1 refused:.*$2" "$log")
	[ "$(shown "$1" /version)" = 000 ] || atf_fail "$1 is let in"
	more()
	{
		[ "$(grep -c "client 127.0.0.1 refused:.*$2" "$log")" -gt \
		    "$was" ]
	}
	wait_for 50 more "$1" "$2" ||
	    atf_fail "of $1 not said: $2: $(grep refused: "$log")"
}

daemon_case clients "a listener that wants certificates of its clients"
clients_body()
{
	make_ca
	client good
	client expired -startdate 20200101000000Z -enddate 20210101000000Z
	client server -extensions server
	client revoked
	make_cert "$PWD/stranger" stranger "$ec"
	make_crl
	write_conf
	second=$(free_port)
	start_kbsd 'prefork 1' "listen on 127.0.0.1 port $second role admin \
client ca \"$PWD/ca.pem\" client crl \"$PWD/crl.pem\""
	# The other listener asks for none.
	http 200 GET /version
	login
	url=https://localhost:$second/kbs/v1
	[ "$(shown good /version)" = 200 ] || atf_fail "$(cat "$log")"
	# It lets in, no more: rights come with a token.
	[ "$(shown good '/users?username=admin')" = 401 ] || atf_fail "rights"
	http 200 GET '/users?username=admin' --cert good.pem --key good.key \
	    -H "Authorization: Bearer $token" -H 'Accept: application/json'
	turned_away stranger 'self.signed'
	turned_away expired 'expired'
	turned_away server 'purpose\|unsuitable'
	# None at all; and an alert says so.
	openssl s_client -connect "127.0.0.1:$second" -ign_eof </dev/null \
	    >out 2>&1 || :
	grep -q 'certificate required' out || atf_fail "$(cat out)"
	! curl_kbsd /version >out 2>&1 || atf_fail "let in without one"
	wait_for 100 grep -q \
	    'client 127.0.0.1 refused:.*did not return a certificate' \
	    "$log" || atf_fail "$(grep refused: "$log")"
	[ "$(shown revoked /version)" = 200 ] || atf_fail "not yet revoked"
	openssl ca -config ca.cnf -revoke revoked.pem -cert ca.pem \
	    -keyfile ca.key 2>said || atf_fail "$(cat said)"
	make_crl
	exits 0 ctl reload
	grep -qx "listener 127.0.0.1 port $second changed: client crl" said ||
	    atf_fail "$(cat said)"
	wait_for 400 one_set
	turned_away revoked 'revoked'
	[ "$(shown good /version)" = 200 ] || atf_fail "the list refuses all"
	# A list that has ended refuses all, and so does one of another CA.
	make_crl -crl_lastupdate 20200101000000Z \
	    -crl_nextupdate 20200102000000Z
	exits 0 ctl reload
	wait_for 400 one_set
	turned_away good 'CRL has expired'
	openssl req -x509 -newkey $ec -nodes -keyout ca.key -out other.pem \
	    -days 99 -subj '/CN=others' \
	    -addext 'keyUsage=keyCertSign,cRLSign' 2>/dev/null
	openssl ca -config ca.cnf -gencrl -cert other.pem -keyfile ca.key \
	    -out crl.pem 2>said || atf_fail "$(cat said)"
	exits 0 ctl reload
	wait_for 400 one_set
	turned_away good 'unable to get certificate CRL'
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
