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

# kbsctl audit, on files: what was done to any line of a log is found, in one
# file and over several; what fits is shown, and a log that goes on in another
# file is followed there.

ctl()
{
	"$(atf_get_srcdir)/../../bin/kbsctl" -s "$(pwd)/nobody" "$@"
}

log()
{
	python3 "$(atf_get_srcdir)/audit.py" "$@" || atf_fail "audit.py $*"
}

# says STATUS PART command ...
says()
{
	local want=$1 part=$2 got

	shift 2
	ctl "$@" >out 2>err && got=0 || got=$?
	[ "$got" = "$want" ] && grep -qF -- "$part" out err || {
		cat out err
		atf_fail "kbsctl $*: $got, not $want, or not: $part"
	}
}

atf_test_case whole
whole_head()
{
	atf_set descr "logs that nobody touched"
}
whole_body()
{
	log make 12 one
	says 0 "whole: lines 1 to 12 in 1 file" audit verify one
	says 0 "whole: lines 1 to 12" audit verify - <one
	log make 30 a b c
	# in whatever order they are named, and under two names
	ln a d
	says 0 "whole: lines 1 to 30 in 3 files" audit verify c a b d
	says 0 "whole: lines 11 to 30" audit verify b c
	says 0 '"ok":true,"first":1,"last":30' -j audit verify a b c
	says 1 "lines 11 to 20 are missing" audit verify a c
	# torn by a crash, and known by the line after it
	log torn 12 t
	says 0 "whole: lines 1 to 12" audit verify t
	: >empty
	says 0 "whole: lines 0 to 0" audit verify empty
	gzip -c one >one.gz
	says 1 "zcat" audit verify one.gz
	says 1 "No such file" audit verify nothing
	head -c 300000 /dev/zero >long
	says 1 "no line of kbsd is so long" audit verify long
}

atf_test_case touched
touched_head()
{
	atf_set descr "each line changed, removed, moved, doubled, put in, cut"
}
touched_body()
{
	log make 24 a b
	atf_check -o match:'^[0-9][0-9]* tampered, all found$' \
	    python3 "$(atf_get_srcdir)/audit.py" tamper \
	    "$(atf_get_srcdir)/../../bin/kbsctl" a b
	# which line, and why
	sed '3s/release/refused/' a >x
	says 1 "x:4: the line before it, 3, was changed" audit verify x
	sed 3d a >x
	says 1 "x:3: line 3 is missing" audit verify x
	sed 3,5d a >x
	says 1 "x:3: lines 3 to 5 are missing" audit verify x
	sed 3p a >x
	says 1 "x:4: line 3 is here, where line 4 was to come" audit verify x
	sed 1d a >x
	says 1 "begins with line 2: lines before it are missing" \
	    audit verify x
	says 1 '"line":1,"why":"begins with line 2' -j audit verify x
}

atf_test_case anchor
anchor_head()
{
	atf_set descr "a log that was cut at its end, and one that is a part"
}
anchor_body()
{
	log make 20 a
	end=$(log anchor a 20)
	says 0 "the last: $end" audit verify --anchor "$end" a
	sed '19,$d' a >x
	says 0 "whole: lines 1 to 18" audit verify x
	says 1 "it ends with line 18, and the anchor knows line 20" \
	    audit verify --anchor "$end" x
	# the last line has no other witness
	sed '20s/release/refused/' a >x
	says 0 "whole" audit verify x
	says 1 "line 20 was changed" audit verify --anchor "$end" x
	tail -n 5 a >x
	says 1 "begins with line 16" audit verify x
	says 0 "whole: lines 16 to 20" audit verify \
	    --anchor "$(log anchor a 15)" x
	says 1 "line 15 was changed" audit verify \
	    --anchor "15:$(printf '%064d' 0)" x
	says 1 "line 3, which the anchor names, is not in" audit verify \
	    --anchor "$(log anchor a 3)" x
	for word in 1 1: "x:$(printf '%064d' 0)" 1:0 "1:$(printf '%064d' 0)0"
	do
		says 2 "NUMBER:HASH" audit verify --anchor "$word" a
	done
}

atf_test_case show
show_head()
{
	atf_set descr "lines that fit"
}
show_body()
{
	log make 20 a b
	says 0 '"n":20' audit show b a
	[ "$(wc -l <out)" = 20 ] || atf_fail "$(cat out)"
	# n COUNT option ...
	n()
	{
		local want=$1

		shift
		ctl -j audit show "$@" a b >out || atf_fail "$*"
		[ "$(wc -l <out)" = "$want" ] ||
		    atf_fail "$*: $(wc -l <out), not $want"
	}
	key=$(jq -r 'select(.n == 3) | .key' a)
	n 1 --key "$key"
	n 5 --user alice
	n 5 --user alice --operation transfer
	n 0 --user alice --operation login
	n 1 --outcome deny
	n 1 --address 192.0.2.4
	n 1 --request 00000001-0000000000000005
	n 3 --number 7-9
	n 1 --number 7
	n 14 --number 7-
	n 10 --since 2026-01-02T03:04:11Z
	n 10 --until 2026-01-02T03:04:10Z
	n 2 --since 2026-01-02T03:04:06Z --until 2026-01-02T04:04:07+01:00
	says 2 "no time" audit show --since yesterday a
	for word in 0 x 3-2 -1 5-x; do
		says 2 "no number of a line" audit show --number "$word" a
	done
	# a line that somebody has forged can't steer a terminal
	log hostile h
	script -qec "stty cols 300; $(atf_get_srcdir)/../../bin/kbsctl \
	    -s $(pwd)/nobody audit show h" /dev/null >out </dev/null 2>&1 ||
	    atf_skip "no script(1)"
	grep -q TIME out || atf_fail "no table: $(cat out)"
	! tr -d '\r\n\t\040-\176' <out | grep -q . ||
	    atf_fail "a control character"
	says 0 'n' -j audit show h
	! tr -d '\n\040-\177' <out | grep -q . || atf_fail "more than ASCII"
}

atf_test_case follow
follow_head()
{
	atf_set descr "a log that goes on in another file"
}
follow_cleanup()
{
	[ ! -f pid ] || kill "$(cat pid)" 2>/dev/null || :
}
wait_lines()
{
	local n=0

	while [ "$(wc -l <followed)" -lt "$1" ]; do
		n=$((n + 1))
		[ $n -lt 900 ] || atf_fail "$1 lines: $(cat followed)"
		sleep 0.1
	done
}
follow_body()
{
	log make 20 first second
	cp first log
	: >followed
	"$(atf_get_srcdir)/../../bin/kbsctl" -s nobody audit follow \
	    --number 1- log >>followed &
	echo $! >pid
	wait_lines 10
	head -1 second >new
	mv log log.1
	# a last line of the old file, when the new one is there already
	mv new log
	tail -n +2 second >>log
	wait_lines 20
	jq -r .n followed >numbers
	atf_check -o file:numbers seq 1 20
	# whoever takes no more lines ends it
	kill "$(cat pid)"
}

atf_init_test_cases()
{
	atf_add_test_case whole
	atf_add_test_case touched
	atf_add_test_case anchor
	atf_add_test_case show
	atf_add_test_case follow
}
