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


# What contract_test and faults_test share: kbsd as it is for them, and the
# Python client run against it.
#
#	contract_find		skips where Python has no cryptography
#	contract_conf [line ...]	kbsd.conf, $attestation being lines of
#				its attestation block
#	checks FILE GROUP	a group of checks of contract_FILE.py; each is
#				printed, and what fails names what does not hold

PYTHON=/usr/bin/python3

contract_find()
{
	$PYTHON -c 'import cryptography' 2>/dev/null ||
	    atf_skip "python3-cryptography is missing"
}

contract_conf()
{
	write_conf "$@"
	sed -i "s/retry wait .*/retry wait 0s to 0s\n\t${attestation:-}/" "$conf"
}

checks()
{
	env KBSD_PORT="$port" KBSD_STATE="$state" KBSD_ITA="$dir/ita" \
	    KBSD_ADMIN="$dir/admin.password" KBSD_TEE="$dir/tee" \
	    KBSD_STANDIN="$standin" KBSD_CTL="$bin/kbsctl -s $dir/kbsd.sock" \
	    $PYTHON "$(atf_get_srcdir)/contract_$1.py" "$2" >checks 2>&1 &&
	    status=0 || status=$?
	cat checks
	[ $status -eq 0 ] ||
	    atf_fail "$2: $(grep -c '^FAIL' checks) checks fail"
	# none of it may have cost a process its life
	if grep -E 'what it may not|\(pid [0-9]+\) ended' "$log" |
	    grep -v 'ended: status 0'; then
		atf_fail "a process was replaced"
	fi
}
