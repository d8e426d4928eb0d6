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


# The contract of the running daemon, over TLS: what clients of the KBS v1
# interface send and expect, and what kbsctl tells of it.  The client is
# contract.py; contract_api.py, contract_transfer.py and contract_operator.py
# hold the checks, in groups.  Each group has a daemon of its own; each check
# is printed, and one that fails names what does not hold.

. "$(atf_get_srcdir)/daemon.sh"
. "$(atf_get_srcdir)/contract.sh"

# group FILE GROUP [line ...]: with these lines more in kbsd.conf
group()
{
	file=$1 name=$2
	shift 2
	contract_find
	start_ita
	contract_conf "$@"
	run_kbsd
	checks "$file" "$name"
	stop_kbsd
}

daemon_case version "GET /version, TLS 1.3 alone, ids of requests"
version_body() { group api version; }

daemon_case document "etc/openapi.yaml: routes, parameters, statuses"
document_body() { group api document; }

daemon_case token "POST /token: types, bodies, the bearer token, lockout"
token_body()
{
	# contract_api.py has it reload with shorter ones.
	group api token "login {" "attempts 3 within 5m" "lockout 5m" \
	    "token lifetime 60s" "}"
}

daemon_case permissions "each path with each permission alone"
permissions_body() { group api permissions; }

daemon_case headers "Accept and Content-Type of each path"
headers_body() { group api headers; }

daemon_case strictness "JSON that is almost right"
strictness_body() { group api strictness; }

daemon_case order "route, authorization, headers, body, id"
order_body() { group api order; }

daemon_case router "paths and methods that are not"
router_body() { group api router; }

daemon_case users "users, their names and passwords, the end of tokens"
users_body() { group api users; }

daemon_case policies "every form of a policy, good and bad"
policies_body() { group api policies; }

daemon_case keys "create, register, search, move, release, delete"
keys_body() { group api keys; }

daemon_case framing "HTTP that is allowed, and what is ambiguous"
framing_body() { group api framing; }

daemon_case background "transfers: a nonce, then evidence for it"
background_body() { group transfer background; }

daemon_case passport "transfers: tokens, their flaws, claims and policies"
passport_body() { group transfer passport; }

daemon_case composite "transfers: a TD with GPUs"
composite_body() { group transfer composite; }

daemon_case records "what the audit log says; keys that are attested only"
records_body() { group transfer records; }

daemon_case options "require nonce, issuer, api version 1"
options_body()
{
	attestation='issuer "Intel Trust Authority"\n\tapi version 1'
	group transfer options "require nonce"
}

daemon_case tests "kbsctl policy test: tokens, quotes, bodies"
tests_body() { group operator tests; }

daemon_case imports "kbsctl import: another server's state and environment"
imports_body() { group operator imports; }

daemon_case versions "kbsctl key rotate, and each version of a key"
versions_body() { group operator versions; }

daemon_case lint "kbsctl policy lint"
lint_body() { group operator lint; }

daemon_case exposures "kbsctl show exposures"
exposures_body() { group operator exposures; }

atf_init_test_cases()
{
	daemon_add_cases
}
