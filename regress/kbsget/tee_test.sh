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

# kbsget as on a real machine, whose kernel or enclave is a directory tree and
# a library that plays the other side (configfs.c); waiting for a broker that
# is not there yet; and the key into a kernel keyring.

. "$(atf_get_srcdir)/broker.sh"

REPORTS=tree/sys/kernel/config/tsm/report
GRAMINE=tree/dev/attestation

# machine PROVIDER: a guest whose kernel has this driver, the tree in $TREE
machine()
{
	mkdir -p $REPORTS
	TREE=$(pwd)/tree
	SO=$(atf_get_srcdir)/configfs.so
	provider=$1
}

# here STATUS ERRORTEXT HOW [ENVIRONMENT ... --] [OPTION ...]: get on it
here()
{
	status=$1 text=$2 how=$3
	shift 3
	environment=
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		environment="$environment $1"
		shift
	done
	[ $# -eq 0 ] || shift
	atf_check -s exit:$status -o empty -e "$text" env \
	    ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SO" \
	    TEE_TREE="$TREE" TEE_PROVIDER="$provider" $environment \
	    "$KBSGET" -S "$TREE" -c ca.crt -u "$URL/$how" -k $KEYID -o out "$@"
	[ $status -eq 0 ] || [ ! -e out ] || atf_fail "$how: a file"
	[ -z "$(ls $REPORTS 2>/dev/null)" ] || atf_fail "$how: a report left"
}

key_came()
{
	atf_check cmp out aes
	rm out
}

atf_test_case tdx cleanup
tdx_body()
{
	prepare
	machine tdx_guest
	here 0 empty good
	key_came
	here 0 empty good -- -T tdx
	key_came
	printf log >log
	here 0 empty log -- -e log
	key_came
	# busy for a while, and another writer
	here 0 empty good TEE_FAULT=outblob,16,2 TEE_WRITER=1
	key_came
	: >requests
	here 1 match:'-T says SNP, and .* gives evidence of TDX' good -- -T snp
	here 1 match:'-T says SGX, and .* gives evidence of TDX' good -- -T sgx
	atf_check cat requests
	here 1 match:'wants evidence of SGX, and .* gives that of TDX' sgx
	here 1 match:'wants evidence of SNP, and .* gives that of TDX' snp
	here 1 match:'evidence of a GPU' gpu
	here 1 match:'outblob: empty' good TEE_COMMAND=true
	here 1 match:'outblob: longer' good TEE_COMMAND='yes|head${IFS}-70000'
	here 1 match:'report data of somebody else' good TEE_COMMAND=date
}
tdx_cleanup() { cleanup; }

atf_test_case snp cleanup
snp_body()
{
	prepare
	machine sev_guest
	here 0 empty snp
	key_came
	printf certificates >table
	here 0 empty snpcerts TEE_AUXBLOB=table -- -T snp
	key_came
	here 1 match:'wants evidence of TDX, and .* gives that of SNP' good
	head -c 65537 /dev/zero >table
	here 1 match:'auxblob: longer' snp TEE_AUXBLOB=table
}
snp_cleanup() { cleanup; }

atf_test_case gramine cleanup
gramine_body()
{
	prepare
	machine tdx_guest
	mkdir -p $GRAMINE
	: >$GRAMINE/user_report_data
	: >$GRAMINE/quote
	printf dcap >$GRAMINE/attestation_type
	here 0 empty sgx
	key_came
	here 0 empty sgx -- -T sgx
	key_came
	here 1 match:'wants evidence of TDX, and .* gives that of SGX' good
	printf none >$GRAMINE/attestation_type
	: >requests
	here 1 match:'must say sgx.remote_attestation = "dcap"' sgx
	atf_check cat requests
}
gramine_cleanup() { cleanup; }

# No TEE: said before the server is asked, with where was looked and what to do.
atf_test_case none cleanup
none_body()
{
	prepare
	machine cca_guest
	here 1 match:'does not know evidence of cca_guest' good
	rmdir $REPORTS
	for word in 'no TEE here' /dev/attestation \
	    /sys/kernel/config/tsm/report '.-q.' '.-t.'; do
		here 1 match:"$word" good
	done
	atf_check cat requests
}
none_cleanup() { cleanup; }

# Ended while the kernel makes the quote: neither report nor file is left.
atf_test_case interrupted cleanup
interrupted_body()
{
	prepare
	machine tdx_guest
	for sig in TERM INT HUP QUIT; do
		rm -f stalled
		# by Python, since a shell's child ignores SIGINT
		ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SO" \
		    TEE_TREE="$TREE" TEE_PROVIDER=tdx_guest TEE_STALL=stalled \
		    $PYTHON -c 'import os, signal, sys
for s in signal.SIGINT, signal.SIGQUIT:
    signal.signal(s, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$KBSGET" -S "$TREE" -c ca.crt \
		    -u $URL/good -k $KEYID -o out 2>err &
		pid=$!
		n=0
		while [ ! -e stalled ] && [ $n -lt 900 ]; do
			n=$((n + 1))
			sleep 0.1
		done
		[ -n "$(ls $REPORTS)" ] || atf_fail "no report: $(cat err)"
		kill -$sig $pid
		wait $pid && atf_fail "SIG$sig: not ended"
		[ -z "$(ls $REPORTS)" ] || atf_fail "SIG$sig: a report left"
		[ -z "$(ls out* 2>/dev/null)" ] || atf_fail "SIG$sig: a file"
	done
}
interrupted_cleanup() { cleanup; }

# As at boot: the broker comes later, is busy, and is asked again from the
# start; but a denial is final, and without -w everything is.
# until_said TEXT FILE
until_said()
{
	n=0
	until grep -q "$1" $2; do
		n=$((n + 1))
		[ $n -lt 900 ] || atf_fail "not said: $1: $(cat $2)"
		sleep 0.1
	done
}

atf_test_case waiting cleanup
waiting_body()
{
	prepare
	q='printf Q; cat'
	port=$(cat port)
	kill $(cat pids)
	wait $(cat pids) 2>/dev/null || :
	rm pids port
	get 3 match:'is the server running there' good -q "$q"
	get 3 match:'trying again in 1 seconds' good -q "$q" -w 4
	get 3 match:'check the name in -u' good -q "$q" -w 1 \
	    -u https://no-such-host.invalid
	"$KBSGET" -c ca.crt -u "$URL/good" -k $KEYID -o out -q "$q" -w 60 \
	    2>err &
	pid=$!
	until_said 'trying again in 2 seconds' err
	start port server 1.3 $port
	wait $pid || atf_fail "$(cat err)"
	rm out
	get 1 match:'in 1 seconds' soon -q "$q"
	: >requests
	get 0 match:'trying again in 4 seconds' soon -q "$q" -w 60
	atf_check -o inline:'6\n' sh -c 'grep -c soon requests'
	rm out
	certificate other DNS:other 2
	: >requests
	for how in denied forbidden unknown verifier nohint html cut; do
		[ $how = cut ] && status=3 || status=1
		get $status not-match:'trying again' $how -q "$q" -w 60
	done
	# longer than there is time
	get 1 not-match:'trying again' busy -q "$q" -w 5
	# there, and not the one that is trusted
	get 3 not-match:'trying again' good -q "$q" -w 60 -c other.crt
	atf_check -o inline:'8\n' sh -c 'wc -l <requests'
}
waiting_cleanup() { cleanup; }

# The key in the session's keyring and nowhere else.
atf_test_case keyring cleanup
keyring_body()
{
	prepare
	command -v keyctl >/dev/null || atf_skip "keyctl is missing"
	keyctl session - true 2>/dev/null ||
	    atf_skip "this machine allows no kernel keyrings"
	cat >in-session <<END
kbsget()
{
	"$KBSGET" -c ca.crt -u $URL/good -k $KEYID -K key.pem -t token "\$@"
}
# a disk whose header says which kernel key opens it
[ ! -e disk ] || ! cryptsetup open --test-passphrase --token-only disk ||
    exit 9
kbsget -R @s::disk:one || exit 1
keyctl pipe \$(keyctl search @s user disk:one) >got || exit 2
kbsget -R @s::%user:disk:one || exit 3
[ \$(keyctl rlist @s | wc -w) -eq 1 ] || exit 4
kbsget -R @s::%logon:disk:two || exit 5
keyctl search @s logon disk:two >/dev/null || exit 6
kbsget -R kbsget-test:\$\$ || exit 7
keyctl unlink \$(keyctl search @u user kbsget-test:\$\$) @u
[ -e disk ] || exit 0
cryptsetup open --test-passphrase --token-only disk
END
	# a process without a session has its user's, not one of its own
	name=kbsget-test:$$
	atf_check "$KBSGET" -c ca.crt -u $URL/good -k $KEYID -K key.pem \
	    -t token -R @s::$name
	serial=$(keyctl search @s user $name) || atf_fail "no key in @s"
	atf_check keyctl unlink $serial @s
	luks_format && cryptsetup token add --key-description disk:one disk
	atf_check -e match:'Joined session' -o ignore \
	    keyctl session - sh in-session
	atf_check cmp got aes
	[ -z "$(ls out* 2>/dev/null)" ] || atf_fail "a file"
}
keyring_cleanup() { cleanup; }

# As systemd-cryptsetup takes it: the command of the unit, with a connection
# of the socket as its standard output.
atf_test_case unit cleanup
unit_body()
{
	prepare
	etc=${KBSD_SRC:?}/etc
	mkdir units
	cp "$etc/kbsget.socket" units
	sed "s,@BINDIR@,${KBSGET%/*}," "$etc/kbsget@.service" \
	    >units/kbsget@.service
	KBS_URL=$URL/good KBS_CA=ca.crt KBS_KEY=$KEYID
	command=$(sed -n 's/^ExecStart=//p' units/kbsget@.service)
	[ -n "$command" ] || atf_fail "no command"
	eval "set -- $command"
	machine tdx_guest
	ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD="$SO" \
	    TEE_TREE="$TREE" TEE_PROVIDER=tdx_guest $PYTHON - "$@" \
	    -S "$TREE" <<'END' >got || atf_fail "no key from the socket"
import socket, subprocess, sys
ours, theirs = socket.socketpair()
child = subprocess.Popen(sys.argv[1:], stdout=theirs,
                         stdin=subprocess.DEVNULL)
theirs.close()
while data := ours.recv(4096):
    sys.stdout.buffer.write(data)
sys.exit(child.wait())
END
	atf_check cmp got aes
	command -v systemd-analyze >/dev/null ||
	    atf_skip "systemd-analyze is missing"
	atf_check -o save:verified -e save:errors systemd-analyze --man=no \
	    verify units/kbsget.socket units/kbsget@.service
	# what it says of this machine's own units is not about these
	atf_check -s exit:1 grep -i kbsget verified errors
}
unit_cleanup() { cleanup; }

# A disk that the broker's key opens.
luks_format()
{
	command -v cryptsetup >/dev/null || return 1
	truncate -s 32M disk
	cryptsetup -q luksFormat --type luks2 --key-file aes --pbkdf pbkdf2 \
	    --pbkdf-force-iterations 1000 disk && return 0
	rm -f disk
	return 1
}

# The same through a pipe, never on a disk itself.
atf_test_case luks cleanup
luks_body()
{
	prepare
	luks_format || atf_skip "cryptsetup is missing or can't format here"
	set -- -c ca.crt -u $URL/good -k $KEYID -K key.pem -t token
	atf_check sh -c "'$KBSGET' $* | cryptsetup open --test-passphrase \
	    --key-file - disk"
	atf_check -s exit:2 -e match:'No key available' sh -c "printf no | \
	    cryptsetup open --test-passphrase --key-file - disk"
}
luks_cleanup() { cleanup; }

atf_init_test_cases()
{
	atf_add_test_case tdx
	atf_add_test_case snp
	atf_add_test_case gramine
	atf_add_test_case none
	atf_add_test_case interrupted
	atf_add_test_case waiting
	atf_add_test_case keyring
	atf_add_test_case unit
	atf_add_test_case luks
}
