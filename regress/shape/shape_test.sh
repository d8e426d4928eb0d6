# The shape of the whole: a folder under kbsd/ is a process, which includes
# only its own headers, kbsd.h and common/, and links only what is its own.

src=${KBSD_SRC:-$(pwd)}

bin()
{
	echo "$(atf_get_srcdir)/../../bin/$1"
}

processes="parent frontend control signer auth broker store audit verifier
    fetcher engine kms"

# What a program may link besides what all may.
libraries()
{
	case $1 in
	frontend) echo "libtls libjansson" ;;
	control) echo "libjansson" ;;
	auth) echo "libjwt libjansson libcrypt" ;;
	store) echo "libsqlite3" ;;
	audit) echo "libjansson" ;;
	verifier) echo "libjansson" ;;
	fetcher) echo "libcurl libssl libjansson libevent_extra" ;;
	kms) echo "libcurl libssl libtls libjansson libevent_extra libsqlite3" ;;
	kbsctl) echo "libjansson" ;;
	kbsget) echo "libtls libjansson" ;;
	esac
}

all="libc libevent_core libevent libcrypto libbsd libseccomp ld-linux-x86-64
    libm"

atf_test_case includes
includes_body()
{
	for p in $processes; do
		[ -d "$src/kbsd/$p" ] || echo "no folder kbsd/$p"
		grep -ho '^#include "[^"]*"' "$src/kbsd/$p"/*.[chy] |
		    sed 's/.*"\(.*\)"/\1/' | sort -u | while read -r h; do
			[ -e "$src/kbsd/$p/$h" ] && continue
			[ -e "$src/common/$h" ] && continue
			[ "$h" = kbsd.h ] || [ "$h" = version.h ] && continue
			echo "kbsd/$p includes $h"
		done
	done >includes
	atf_check cat includes
	# And nothing else stands beside the folders.
	atf_check -o inline:"kbsd.h\nnames.c\n" \
	    sh -c "cd $src/kbsd && find . -maxdepth 1 -type f | sort | sed s,./,,"
}

atf_test_case linked
linked_body()
{
	for p in $processes kbsctl kbsget; do
		b=$p
		[ "$p" = parent ] && b=kbsd
		readelf -d "$(bin $b)" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
		    sed 's/\.so.*//; s/-2\.1$//' >needed
		[ -s needed ] || atf_fail "$b: nothing is linked"
		while read -r lib; do
			case " $(echo $all $(libraries $p)) " in
			*" $lib "*) ;;
			*) echo "$b links $lib" ;;
			esac
		done <needed
	done >linked
	atf_check cat linked
}

atf_test_case hardened
hardened_body()
{
	if readelf -s "$(bin broker)" | grep -q __asan_init; then
		atf_skip "a sanitizer build is not hardened"
	fi
	for p in $processes kbsctl kbsget; do
		b=$p
		[ "$p" = parent ] && b=kbsd
		f=$(bin $b)
		readelf -h "$f" | grep -q 'Type:.*DYN' || echo "$b: no PIE"
		readelf -d "$f" | grep -q BIND_NOW || echo "$b: lazy binding"
		readelf -lW "$f" | grep -q GNU_RELRO || echo "$b: no RELRO"
		readelf -lW "$f" | grep GNU_STACK | grep -q 'RWE' &&
		    echo "$b: executable stack"
		readelf -lW "$f" | grep LOAD | grep -q 'RWE' &&
		    echo "$b: writable code"
		readelf -sW "$f" | grep -q __stack_chk_fail ||
		    echo "$b: no stack protector"
		readelf -sW "$f" | grep -qE '__[a-z]+_chk' ||
		    echo "$b: no FORTIFY"
		# Of these only the compiler knows whether each file has them.
		readelf --debug-dump=info "$f" | grep 'DW_AT_producer' >made
		[ -s made ] || echo "$b: does not say how it was made"
		grep -q clang made && continue
		for flag in stack-clash-protection cf-protection; do
			grep -qv -- "-f$flag" made && echo "$b: no $flag"
		done
	done >soft
	atf_check cat soft
}

# What only the files of the systems may do, and how lines look.
atf_test_case style
style_body()
{
	grep -nE '^#[[:space:]]*if(n?def)?[[:space:]]' "$src"/kbsd/*/*.c \
	    "$src"/kbsctl/*.c "$src"/kbsget/*.c >conditionals
	atf_check cat conditionals
	sources=$(cd "$src" && find common kbsd kbsctl kbsget regress \
	    -name '*.[chy]' ! -name answers.h)
	for f in $sources; do
		expand "$src/$f" | awk -v f="$f" 'length($0) > 80 {
			print f ":" NR ": " length($0) " columns"
		}'
	done >long
	atf_check cat long
	for f in $sources; do
		grep -LF 'Copyright (c) 2026 The kbsd authors' "$src/$f"
	done >licence
	atf_check cat licence
}

atf_test_case manuals
manuals_body()
{
	for m in "$src"/man/*.[1-9]; do
		mandoc -Tlint -Wstyle "$m" 2>&1 |
		    grep -v -e 'referenced manual not found' -e mandoc.db
	done >lint
	atf_check cat lint
}

# Who holds secrets compares in constant time (secret_same), or by digests.
atf_test_case compared
compared_body()
{
	secrets='pass|hash|mac\>|secret|token|seal'
	(cd "$src" && grep -nE "\<(mem|b)cmp\(|\<strcmp\(.*($secrets)" \
	    kbsd/auth/*.c kbsd/kms/*.c kbsd/control/*.c common/record.c \
	    common/digest.c common/secret.c) >compared
	atf_check cat compared
}

# Each line of regress/ATTACKS that begins with a tab names a test.
atf_test_case attacks
attacks_body()
{
	regress=$(atf_get_srcdir)/..
	sed -n 's/^\t//p' "$src/regress/ATTACKS" | sort -u >named
	atf_check -o match:'^1[0-9][0-9]$' sh -c 'wc -l <named'
	sed 's/:.*//' named | sort -u | while read -r program; do
		"$regress/$program" -l 2>/dev/null |
		    sed -n "s,^ident: ,$program:,p"
	done | sort -u >there
	atf_check comm -23 named there
	# And no attack is without one.
	awk '/^\t/ { n++; next } title != "" && n == 0 { print title }
	    /^#|^$/ { next } { title = $0; n = 0 }
	    END { if (n == 0) print title }' "$src/regress/ATTACKS" >untested
	atf_check cat untested
}

atf_init_test_cases()
{
	atf_add_test_case compared
	atf_add_test_case attacks
	atf_add_test_case includes
	atf_add_test_case linked
	atf_add_test_case hardened
	atf_add_test_case style
	atf_add_test_case manuals
}
