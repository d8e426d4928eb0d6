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

# make install, make uninstall, and what the Debian packages are made of.  The
# packages themselves: make deb-check.

src=${KBSD_SRC:-$(pwd)}
built=$(cd "$(atf_get_srcdir)/../.." && pwd)

# Nothing is built here: a build that is not up to date is another one's fault.
run_make()
{
	make -C "$src" --no-print-directory O="$built" DESTDIR="$(pwd)/root" \
	    "$@" >made 2>&1 || atf_fail "$(cat made)"
}

listing()
{
	(cd root && find . ! -type d -printf '%m %p\n' | sort -k 2)
}

atf_test_case install
install_body()
{
	run_make install PREFIX=/opt/kbsd
	{
		for p in audit auth broker control engine fetcher frontend kms \
		    signer store verifier; do
			echo "755 ./opt/kbsd/libexec/kbsd/$p"
		done
		for u in kbsd-user.service kbsd.service kbsd.socket \
		    kbsget.socket kbsget@.service; do
			echo "644 ./opt/kbsd/lib/systemd/system/$u"
		done
		for m in "$src"/man/*.[1-8]; do
			echo "644 ./opt/kbsd/share/man/man${m##*.}/${m##*/}"
		done
		cat <<-LIST
		755 ./opt/kbsd/bin/kbsget
		755 ./opt/kbsd/sbin/kbsctl
		755 ./opt/kbsd/sbin/kbsd
		644 ./etc/kbsd/kbsd.conf
		644 ./opt/kbsd/lib/sysusers.d/kbsd.conf
		644 ./opt/kbsd/lib/tmpfiles.d/kbsd.conf
		644 ./opt/kbsd/share/bash-completion/completions/kbsctl
		644 ./opt/kbsd/share/zsh/site-functions/_kbsctl
		644 ./opt/kbsd/share/doc/kbsd/README.md
		644 ./opt/kbsd/share/doc/kbsd/examples/Containerfile
		644 ./opt/kbsd/share/doc/kbsd/examples/kbsd.conf
		644 ./opt/kbsd/share/doc/kbsd/examples/kbsd.logrotate
		644 ./opt/kbsd/share/kbsd/grafana-dashboard.json
		644 ./opt/kbsd/share/kbsd/openapi.yaml
		644 ./opt/kbsd/share/kbsd/prometheus-rules.yml
		LIST
	} | sort -k 2 >want
	listing >got
	atf_check diff -u want got
	# With its own paths in all of it.
	atf_check -s exit:1 grep -rnE '@[A-Z]+DIR@|/usr/local' \
	    root/opt/kbsd/lib root/opt/kbsd/share/man
	atf_check -o ignore grep -F 'ExecStart=/opt/kbsd/sbin/kbsd -d' \
	    root/opt/kbsd/lib/systemd/system/kbsd.service
	# What the operator has changed stays, and goes only with him.
	echo '# mine' >>root/etc/kbsd/kbsd.conf
	run_make install PREFIX=/opt/kbsd
	atf_check -o ignore grep '# mine' root/etc/kbsd/kbsd.conf
	run_make uninstall PREFIX=/opt/kbsd
	atf_check_equal "644 ./etc/kbsd/kbsd.conf" "$(listing)"
	rm root/etc/kbsd/kbsd.conf
	run_make install PREFIX=/opt/kbsd
	run_make uninstall PREFIX=/opt/kbsd
	atf_check_equal "" "$(listing)"
}

# Files that only some build machines have in them differ between two builds.
atf_test_case places
places_body()
{
	! atf_config_has coverage ||
	    atf_skip "the coverage build names its files"
	for p in "$built"/bin/*; do
		! grep -qF "$src" "$p" || echo "$p names where it was built"
	done >places
	atf_check cat places
}

# What is built with, and what the container file installs, is one list.
atf_test_case lists
lists_body()
{
	sed '/^# To test/,$d; /^#/d' "$src/etc/deps" | sort >build
	sed -n '/^Build-Depends:/,/^[A-Z][^ ]*-V/p' "$src/debian/control" |
	    grep -oE '[a-z0-9+.-]+(-dev|config)|bison' | sort >control
	# What is always there, or comes with it.
	atf_check -o inline:"gcc\nlibc6-dev\nmake\n" comm -23 build control
	atf_check comm -13 build control
	sed -n '/AS build/,/^COPY/p' "$src/etc/Containerfile" |
	    grep -oE '\<[a-z0-9.-]+(-dev|config)|bison|gcc|make' |
	    sort -u >container
	atf_check diff -u build container
	for f in sysusers tmpfiles; do
		atf_check cmp "$src/debian/kbsd.$f" "$src/etc/kbsd.$f"
	done
	# One version everywhere.
	version=$(sed -n 's/^VERSION =[[:space:]]*//p' "$src/Makefile")
	atf_check -o match:"^kbsd \($version\)" head -1 "$src/debian/changelog"
}

# systemd takes what it is to make.
atf_test_case systemd
systemd_head()
{
	atf_set require.progs "systemd-sysusers systemd-tmpfiles"
	atf_set require.user root
}
systemd_body()
{
	mkdir -p root/etc
	printf 'root:x:0:0::/root:/bin/sh\n' >root/etc/passwd
	printf 'root:x:0:\n' >root/etc/group
	atf_check -e ignore systemd-sysusers --root="$(pwd)/root" \
	    "$src/etc/kbsd.sysusers"
	atf_check -o inline:"_kbsd\n_kbsdkey\nroot\n" sh -c \
	    'cut -d : -f 1 root/etc/passwd | sort'
	atf_check -e ignore systemd-tmpfiles --create --root="$(pwd)/root" \
	    "$src/etc/kbsd.tmpfiles"
	atf_check -o inline:"711\n755\n" stat -c %a root/var/lib/kbsd \
	    root/run/kbsd
}

# rc.d(8) of OpenBSD: a shell knows it, and pexp fits the title.
atf_test_case rc
rc_body()
{
	atf_check sh -n "$src/etc/kbsd.rc"
	atf_check -o inline:'pexp="kbsd: parent.*"\n' \
	    grep '^pexp=' "$src/etc/kbsd.rc"
	atf_check -o ignore grep 'setproctitle("parent")' \
	    "$src/kbsd/parent/parent.c"
}

atf_init_test_cases()
{
	atf_add_test_case install
	atf_add_test_case places
	atf_add_test_case lists
	atf_add_test_case systemd
	atf_add_test_case rc
}
