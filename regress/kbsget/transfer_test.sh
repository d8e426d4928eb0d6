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

# kbsget from end to end against a small broker that speaks TLS: what is sent,
# what is made of each answer, and the exit codes.

. "$(atf_get_srcdir)/broker.sh"

atf_test_case passport cleanup
passport_body()
{
	prepare
	get 0 empty good -K key.pem -t token
	atf_check cmp out aes
	atf_check -o inline:'600\n' stat -c %a out
	rm out
	printf '\r\n' >>token
	get 0 empty chunked -K key.pem -t token
	atf_check cmp out aes
	rm out
	get 0 empty ec -K key.pem -t token
	openssl pkey -inform DER -in out -noout || atf_fail "not PKCS#8"
	get 0 empty ec -p -K key.pem -t token
	openssl pkey -in out -noout || atf_fail "not PEM"
	rm out
	get 1 match:'not an RSA or EC key' good -p -K key.pem -t token
	get 1 match:'is -K the key' foreign -K key.pem -t token
	atf_check -o file:aes -x "'$KBSGET' -c ca.crt -u $URL/good -k $KEYID \
	    -K key.pem -t - <token | cat"
}
passport_cleanup() { cleanup; }

atf_test_case background cleanup
background_body()
{
	prepare
	get 0 empty good -q 'printf Q; cat'
	atf_check cmp out aes
	rm out
	get 0 empty sgx -q 'printf Q; cat'
	atf_check cmp out aes
	rm out
	printf log >log
	get 0 empty log -e log -T tdx -K key.pem -q 'printf Q; cat'
	atf_check cmp out aes
	rm out
	get 1 match:'does not hold the report data' good -q 'echo none'
	get 1 match:'failed with status 3' good -q 'exit 3'
	get 1 match:'wants evidence of SGX, and -T says TDX' sgx -T tdx -q cat
	get 1 match:'evidence of a GPU' gpu -q cat
	get 1 match:'nonce is malformed' badnonce -q cat
}
background_cleanup() { cleanup; }

atf_test_case denied cleanup
denied_body()
{
	prepare
	# the server's own words, without what would steer a terminal
	get 1 match:'denied .status 401.: no .*\[31mway' denied -q cat
	get 1 not-match:"$(printf '\033')" denied -q cat
	get 1 match:'request id request-17' denied -K key.pem -t token
	get 1 match:'status 403' forbidden -q cat
	get 1 match:'no such key .status 404' unknown -q cat
	get 1 match:'try again in 9 seconds' busy -q cat
	get 1 match:'try again later' verifier -q cat
	get 1 match:'unexpected answer .status 302' odd -q cat
	get 1 match:'is -u the address' html -q cat
}
denied_cleanup() { cleanup; }

atf_test_case connection cleanup
connection_body()
{
	prepare
	get 3 match:'the server closed the connection' cut -q cat
	get 3 match:'the server closed the connection' empty -q cat
	get 3 match:'it is not HTTP/1.1' garbage -q cat
	get 3 match:'its body is too long' huge -q cat
	good=$URL
	URL=https://127.0.0.1:${URL##*:}
	get 0 empty good -q 'printf Q; cat'
	rm out
	URL=https://localhost:1
	get 3 match:'is the server running there' good -q cat
	URL=https://no-such-host.invalid
	get 3 match:'check the name in -u' good -q cat
	# not by a CA that is trusted, an old TLS, another name
	URL=$good
	: >requests
	atf_check -s exit:3 -e match:'CA with -c' "$KBSGET" -u $URL/good \
	    -k $KEYID -q cat -o out
	printf 'nonsense\n' >nonsense
	atf_check -s exit:3 -e match:'as PEM' "$KBSGET" -u $URL/good \
	    -k $KEYID -q cat -o out -c nonsense
	start port12 server 1.2
	URL=https://localhost:$(cat port12)
	get 3 match:'must speak TLS 1.3' good -q cat
	certificate other DNS:other.example.net 2
	start portname other
	URL=https://localhost:$(cat portname)
	get 3 match:'use in -u a name' good -q cat
	atf_check cat requests
}
connection_cleanup() { cleanup; }

# usage ERRORTEXT [OPTION ...]
usage_is()
{
	text=$1
	shift
	atf_check -s exit:2 -o empty -e "match:$text" -e 'match:^usage:' \
	    "$KBSGET" "$@"
}

atf_test_case usage cleanup
usage_body()
{
	prepare
	k="-k $KEYID" u="-u $URL/good"
	usage_is 'u is missing' $k -o out
	usage_is 'k is missing' $u -o out
	usage_is 'usage' -Z
	usage_is 'without an option' $u $k -o out more
	usage_is 'must begin with https' $k -o out -u http://localhost
	usage_is 'not a key id' $u -o out -k 1234
	usage_is 'takes sgx, snp or tdx' $u $k -o out -T sev
	usage_is 'needs -K' $u $k -o out -t token
	usage_is 'is for a token' $u $k -o out -K key.pem -t token -q cat
	usage_is 'is for a token' $u $k -o out -K key.pem -t token -S /
	usage_is 'two places' $u $k -o out -R disk -q cat
	usage_is 'two ways' $u $k -o out -S / -q cat
	for w in 0 -1 x 86401; do
		usage_is 'number of seconds' $u $k -o out -q cat -w $w
	done
	usage_is 'a number, from 1' $u $k -o out -q cat -V 0
	usage_is 'a keyring is' $u $k -q cat -R @x::disk
	usage_is 'a type of key is' $u $k -q cat -R @u::%asymmetric:disk
	usage_is 'printable' $u $k -q cat -R "a disk"
	usage_is 'SERVICE:NAME' $u $k -q cat -R %logon:disk
	usage_is 'needs -H' -g -K new.pem
	usage_is 'needs -K' -g -H new.bin
	usage_is 'second run' -g -K new.pem -H new.bin $u $k
	usage_is 'second run' -g -K new.pem -H new.bin -w 1
	[ ! -e new.pem ] || atf_fail "a key pair all the same"
	# no key on a terminal
	if command -v script >/dev/null; then
		atf_check -s exit:2 -o match:'give -o FILE' script -qec \
		    "'$KBSGET' $u $k -c ca.crt -q 'printf Q; cat'" /dev/null
	fi
	# nothing of this reached the server
	atf_check cat requests
	# what fails on this side fails before the server is asked, too
	get 1 match:'not a token' good -K key.pem -t key.pem
	chmod 644 key.pem
	get 1 match:'chmod 600' good -K key.pem -t token
	atf_check -s exit:1 -e match:'not a regular file' "$KBSGET" $u $k \
	    -c ca.crt -q cat -o /dev/null
	atf_check -s exit:1 -e match:'beside it' "$KBSGET" $u $k \
	    -c ca.crt -q cat -o none/out
	atf_check -s exit:1 -e match:'exists' "$KBSGET" -g -K key.pem -H new
	atf_check cat requests
}
usage_cleanup() { cleanup; }

# An interrupted kbsget takes its command and its file with it.
atf_test_case interrupted cleanup
interrupted_body()
{
	prepare
	"$KBSGET" -c ca.crt -u $URL/good -k $KEYID -o out \
	    -q 'echo $$ >command; sleep 500' 2>err &
	pid=$!
	n=0
	while [ ! -s command ] && [ $n -lt 900 ]; do
		n=$((n + 1))
		sleep 0.1
	done
	kill -TERM $pid
	wait $pid
	atf_check_equal 143 $?
	# a zombie that nobody has waited for is dead enough
	n=0
	while :; do
		case "$(ps -o stat= -p $(cat command))" in
		""|Z*)	break ;;
		esac
		n=$((n + 1))
		[ $n -lt 300 ] || atf_fail "the command lives"
		sleep 0.1
	done
	[ -z "$(ls out* 2>/dev/null)" ] || atf_fail "a file is left"
}
interrupted_cleanup() { cleanup; }

atf_init_test_cases()
{
	atf_add_test_case passport
	atf_add_test_case background
	atf_add_test_case denied
	atf_add_test_case connection
	atf_add_test_case usage
	atf_add_test_case interrupted
}
