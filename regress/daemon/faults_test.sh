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


# What kbsd does when the attestation service goes wrong, in every way that the
# stand-in knows: the answer to the client, in bounded time, with nothing
# released and a line in the audit log.  The checks are in contract_faults.py.

. "$(atf_get_srcdir)/daemon.sh"
. "$(atf_get_srcdir)/contract.sh"

# up REFETCH [kbsd.conf line ...]: kbsd that asks again so often
up()
{
	contract_find
	attestation="refetch $1"
	shift
	contract_conf "$@"
	run_kbsd
}

daemon_case cache "keys and CRLs are fetched once for all who need them"
cache_body()
{
	start_ita --fault certs:slow=1
	up 3s
	checks faults cache
	stop_kbsd
}

daemon_case rotation "new signing keys are found, old ones are forgotten"
rotation_body()
{
	start_ita
	up 1s "prefork 1"
	checks faults rotation
	stop_kbsd
}

daemon_case transport "broken answers to nonces and appraisals"
transport_body()
{
	start_ita
	up 60s
	checks faults transport
	stop_kbsd
}

daemon_case cold "broken keys and CRLs when nothing is cached"
cold_body()
{
	start_ita --fault certs:close
	up 1s "prefork 1"
	checks faults cold
	stop_kbsd
	rm -rf "$state"
	fault '{"clear": true, "crl-signing:close": true}'
	run_kbsd
	checks faults cold_signing
	stop_kbsd
}

daemon_case revoked "a revoked leaf, and a revoked CA"
revoked_body()
{
	start_ita --fault revoked-leaf
	up 1s
	checks faults revoked
	stop_kbsd
	rm -rf "$state"
	fault '{"clear": true, "revoked-ca": true}'
	run_kbsd
	checks faults revoked
	stop_kbsd
}

daemon_case stuck "a service that never answers"
stuck_body()
{
	start_ita --fault certs:hang
	up 60s
	checks faults stuck
	stop_kbsd
}

daemon_case tokens "flawed tokens from the service itself"
tokens_body()
{
	start_ita
	up 60s
	checks faults tokens
	stop_kbsd
}

daemon_case down "the service goes away, and comes back"
down_body()
{
	local fixed

	daemon_find
	# kbsd.conf names it for as long as the stand-in is away.
	fixed=$(free_port)
	start_ita -p "$fixed"
	up 1s
	checks faults up
	stop_ita
	checks faults down
	# what is in the store will do
	stop_kbsd
	run_kbsd
	checks faults down
	stop_kbsd
	rm -rf "$state"
	run_kbsd
	checks faults down_cold
	start_ita -p "$fixed"
	checks faults back
	stop_kbsd
}

daemon_case restart "after a restart the internet is not asked again"
restart_body()
{
	start_ita
	up 60s
	checks faults up
	stop_kbsd
	run_kbsd
	checks faults again
	ctl reload || atf_fail "no reload"
	checks faults again
	stop_kbsd
}

daemon_case genuine "quotes of real platforms bind nothing of ours"
genuine_body()
{
	KBSD_SHARED=${KBSD_SHARED:-$(atf_get_srcdir)/../../../shared}
	[ -d "$KBSD_SHARED/data/dcap/real" ] ||
	    atf_skip "no $KBSD_SHARED/data/dcap/real"
	export KBSD_SHARED
	start_ita --trust-any-report-data
	up 60s
	checks faults genuine
	stop_kbsd
}

atf_init_test_cases()
{
	daemon_add_cases
}
