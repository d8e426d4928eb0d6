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

# Hostile clients against the running daemon, on loopback.  Times are printed
# and never judged; what is judged is who is answered, who is not, and that
# nothing grows or dies.

. "$(atf_get_srcdir)/../daemon/daemon.sh"
. "$(atf_get_srcdir)/clients.sh"

daemon_case framing "Framing and smuggling, over TLS"
framing_body()
{
	start_kbsd
	census before
	client framing
	same_processes
}

# s_client [option ...] <what to send: what it says goes to said
s_client()
{
	openssl s_client -connect "127.0.0.1:$port" -CAfile "$state/tls.crt" \
	    -servername localhost "$@" >said 2>&1
}

request='GET /kbs/v1/version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

says()
{
	grep -aq "$1" said || {
		cat said
		atf_fail "$2: does not say $1"
	}
}

says_not()
{
	! grep -aq "$1" said || {
		cat said
		atf_fail "$2: says $1"
	}
}

daemon_case tls "TLS 1.3 and nothing else; what comes instead of it" \
    "" 240
tls_body()
{
	local v suite

	# One frontend: what it remembers of a session it would find again.
	start_kbsd "prefork 1"
	census before
	for v in tls1 tls1_1 tls1_2; do
		s_client -$v -cipher ALL:@SECLEVEL=0 </dev/null &&
		    atf_fail "$v"
		says alert $v
		says_not "BEGIN CERTIFICATE" $v
	done
	for suite in TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 \
	    TLS_AES_128_GCM_SHA256; do
		printf "$request" | s_client -ign_eof -ciphersuites $suite ||
		    atf_fail "$suite"
		says "New, TLSv1.3, Cipher is $suite" $suite
		says "HTTP/1.1 200 OK" $suite
		says "Verify return code: 0" $suite
	done
	for suite in TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do
		s_client -ciphersuites $suite </dev/null && atf_fail "$suite"
	done
	s_client -curves X448 </dev/null && atf_fail "X448"

	# No tickets, nothing that could be resumed, no early data.
	printf "$request" | s_client -ign_eof -msg -sess_out session
	says "HTTP/1.1 200 OK" "a session"
	says_not "NewSessionTicket\|Session Ticket" "a session"
	[ ! -s session ] || {
		printf "$request" >early
		s_client -sess_in session -early_data early </dev/null
		says_not Reused "a second session"
		says_not "Early data was accepted" "a second session"
	}
	says "Secure Renegotiation IS NOT supported" "a session"

	# Keys may be changed, which is what is left of renegotiation.
	(
		i=0
		while [ $i -lt 100 ]; do
			echo K
			i=$((i + 1))
		done
		sleep 1
	) | s_client
	s_client -servername "$(printf '%0250d' 0)" </dev/null
	says "TLSv1.3, Cipher" "a long name"

	client tls timer
	same_processes
	stop_kbsd
	start_kbsd "prefork 1" "limits { timeout handshake 60s }"
	census before
	client tls itself
	same_processes
}

daemon_case sslscan "What sslscan finds" sslscan
sslscan_body()
{
	start_kbsd
	sslscan --no-colour --connect-timeout=30 --timeout=30 \
	    "127.0.0.1:$port" >said || atf_fail "sslscan"
	for v in SSLv2 SSLv3 TLSv1.0 TLSv1.1 TLSv1.2; do
		says "^$v *disabled" sslscan
	done
	says "^TLSv1.3 *enabled" sslscan
	says "Session renegotiation not supported" sslscan
	says_not "\(Preferred\|Accepted\) *TLSv1.[012] " sslscan
	says "TLSv1.3 not vulnerable to heartbleed" sslscan
	[ "$(grep -c '^\(Preferred\|Accepted\) *TLSv1.3' said)" -eq 3 ] ||
	    atf_fail "other suites: $(cat said)"
}

daemon_case slow "Slow clients have their deadlines" slowhttptest 240
slow_body()
{
	local pids= pid mode

	start_kbsd
	census before
	for mode in -H -B -R -X; do
		slowhttptest $mode -c 100 -r 100 -i 2 -l 12 -p 8 -n 2 \
		    -w 512 -y 1024 -k 3 -u "$url/version" >slow$mode 2>&1 &
		pids="$pids $!"
	done
	client slow
	for pid in $pids; do
		wait $pid || :
	done
	for mode in -H -B -R -X; do
		grep -q "^.*service available:.*YES" slow$mode &&
		    ! grep -q "service available:.*NO" slow$mode || {
			cat slow$mode
			atf_fail "slowhttptest $mode"
		}
	done
	same_processes
}

atf_init_test_cases()
{
	daemon_add_cases
}
