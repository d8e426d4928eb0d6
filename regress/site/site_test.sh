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

# make site: the pages are whole, and what they say of the code is so.

. "$(atf_get_srcdir)/../daemon/daemon.sh"

src=${KBSD_SRC:-$(pwd)}

site()
{
	atf_check -o ignore make -s -C "$src" O="$(pwd)" site
}

# A copy of the sources that the pictures come from, to break them.
copy()
{
	mkdir copy
	(cd "$src" && tar cf - README.md man common kbsd) | tar xf - -C copy
}

generate()
{
	atf_check "$@" python3 -B copy/man/site/site.py out
}

# What the code has, read in another way than the pictures do.
edges()
{
	sed -n '/^const struct edge_pair edge_pairs/,/^};/p' \
	    "$src/kbsd/parent/set.c" | grep -oE 'PROC_[A-Z]+' |
	    sed 's/PROC_//' | tr A-Z a-z | paste - - | sort
}

atf_test_case whole
whole_head()
{
	atf_set descr "well formed, every link leads somewhere, all listed"
	atf_set require.progs "mandoc python3 make"
}
whole_body()
{
	site
	atf_check python3 "$(atf_get_srcdir)/check.py" site "$src/man"
	# README's words are there as such.
	atf_check -o ignore grep '^<pre>make demo ' site/index.html
	atf_check -o ignore grep '^<p>kbsd is a key broker' site/index.html
}

atf_test_case pictures
pictures_head()
{
	atf_set descr "each process and edge of the code, its user, no other"
	atf_set require.progs "mandoc python3 make"
}
pictures_body()
{
	site
	edges >want
	atf_check -o match:'^2[0-9]$' sh -c 'wc -l <want'
	for f in site/processes.svg site/kbsd-architecture.7.html; do
		grep -oE 'id="edge-[a-z]+-[a-z]+"' $f |
		    sed 's/id="edge-//; s/"//' | tr - '\t' | sort >got
		atf_check diff want got
	done
	grep -oE '\[PROC_[A-Z]+\] = 1' "$src/kbsd/parent/give.c" |
	    sed 's/.*PROC_//; s/\].*//' | tr A-Z a-z | sort >want
	grep -oE 'process-[a-z]+" data-user="_kbsdkey"' site/processes.svg |
	    sed 's/process-//; s/".*//' | sort >got
	atf_check diff want got
	for outside in Prometheus workloads "operator (kbsctl)"; do
		grep -q ">$outside<" site/processes.svg || atf_fail "$outside"
	done
	for secret in "signer TLS key" "verifier nonce key"; do
		grep -o "process-${secret%% *}\".*" site/processes.svg |
		    grep -q ">${secret#* }<" || atf_fail "$secret"
	done
}

atf_test_case table
table_head()
{
	atf_set descr "the edges that kbsd-architecture(7) lists are those"
}
table_body()
{
	edges >want
	sed -n '/^\.Sh EDGES/,/^\.El/p' "$src/man/kbsd-architecture.7" |
	    sed -n '/^\.It Sy/d; /^\.It/,/^\.El/p' | tr '\n' ' ' |
	    sed 's/\.It /\n/g; s/\.El//' | sed -n 's/ Ta /\t/p' |
	    awk -F '\t' '{ n = split($2, to, /[ ,]+/)
		for (i = 1; i <= n; i++)
			if (to[i] != "")
				print $1 "\t" to[i] }' | sort >got
	atf_check diff want got
}

atf_test_case running cleanup
running_head()
{
	atf_set descr "what a running kbsd shows of its edges is in the picture"
	atf_set require.progs "mandoc python3 make jq"
}
running_body()
{
	bin=$(atf_get_srcdir)/../../bin
	site
	chmod 755 .
	dir=$(pwd)
	cat >kbsd.conf <<CONF
directory "$dir/state"
control socket "$dir/sock"
listen on 127.0.0.1 port $(free_port)
attestation "local" { dcap }
CONF
	if [ "$(id -u)" -eq 0 ]; then
		id _kbsd >/dev/null 2>&1 && id _kbsdkey >/dev/null 2>&1 ||
		    atf_skip "there are no users _kbsd and _kbsdkey"
	fi
	"$bin/kbsd" -d -f kbsd.conf >log 2>&1 &
	echo $! >pid
	n=0
	until "$bin/kbsctl" -s sock -j show edges >edges.json 2>/dev/null; do
		n=$((n + 1))
		[ $n -lt 900 ] && kill -0 "$(cat pid)" || {
			cat log
			atf_fail "kbsd does not come up"
		}
		sleep 0.1
	done
	jq -r '.[] | [.from, .to] | map(sub(" .*"; "")) | @tsv' edges.json |
	    sort -u >got
	atf_check test "$(wc -l <got)" -gt 20
	grep -oE 'id="edge-[a-z]+-[a-z]+"' site/processes.svg |
	    sed 's/id="edge-//; s/"//' | tr - '\t' | sort >want
	atf_check comm -13 want got
	kill "$(cat pid)"
	wait "$(cat pid)"
	rm pid
}
running_cleanup()
{
	[ ! -f pid ] || kill "$(cat pid)" 2>/dev/null || :
}

atf_test_case stale
stale_head()
{
	atf_set descr "code that has changed changes the pictures, or ends it"
	atf_set require.progs "mandoc python3"
}
stale_body()
{
	copy
	sed -i 's/^\(.*PROC_AUDIT,.*PROC_KMS.*\)$/\1\n{ PROC_STORE, PROC_KMS },/' \
	    copy/kbsd/parent/set.c
	generate
	atf_check -o ignore grep 'id="edge-store-kms"' out/processes.svg
	# A process that nobody has given a place.
	sed -i 's/^\(.*PROC_KMS\] = "kms",\)$/\1\n[PROC_MORE] = "more",/' \
	    copy/common/kinds.c copy/kbsd/parent/child.c
	sed -i 's/\[PROC_KMS\] = give_kms,/&\n[PROC_MORE] = give_audit,/' \
	    copy/kbsd/parent/give.c
	mkdir copy/kbsd/more
	generate
	atf_check -o ignore grep 'id="process-more"' out/processes.svg
	# A message of the second picture that is no more.
	sed -i 's/IMSG_KMS_RECORDED/IMSG_KMS_WRITTEN/' copy/kbsd/kbsd.h
	generate -s exit:1 -e match:"kbsd.h has no IMSG_KMS_RECORDED"
	sed -i 's/IMSG_KMS_WRITTEN/IMSG_KMS_RECORDED/' copy/kbsd/kbsd.h
	sed -i '/PROC_ENGINE,.*PROC_KMS/d' copy/kbsd/parent/set.c
	generate -s exit:1 -e match:"no edge between engine and kms"
	sed -i 's/edge_pairs\[\]/edge_twins[]/' copy/kbsd/parent/set.c
	generate -s exit:1 -e match:"where is"
}

# Words that the guides put into the mouth of kbsd or kbsctl.
atf_test_case quoted
quoted_head()
{
	atf_set descr "messages and commands that the guides name are there"
	atf_set require.progs "python3"
}
quoted_body()
{
	atf_check python3 "$(atf_get_srcdir)/quoted.py" "$src"
}

atf_init_test_cases()
{
	atf_add_test_case whole
	atf_add_test_case pictures
	atf_add_test_case table
	atf_add_test_case running
	atf_add_test_case stale
	atf_add_test_case quoted
}
