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

# kbsd under a service manager, which manager.py plays: notices, a watchdog,
# credentials, sockets that are handed over.

. "$(atf_get_srcdir)/daemon.sh"

# managed [option ...]: the next run_kbsd is under it; $kbsd_pid is its pid.
managed()
{
	daemon_find
	rm -rf "$dir/manager"
	mkdir "$dir/manager"
	told=$dir/manager/told
	: >"$told"
	kbsd_as="python3 $(atf_get_srcdir)/manager.py $dir/manager $* --"
}

tells()
{
	grep -q -e "$1" "$told"
}

# Something that is told after now.
told_next()
{
	: >"$told"
	wait_for 100 tells "$1"
}

daemon_case notices "ready, reloading, refused, stopping are told"
notices_body()
{
	managed
	start_kbsd
	wait_for 50 tells \
	    '^READY=1 STATUS=configuration 1 is serving with 1[0-9] proc' ||
	    atf_fail "$(cat "$told")"
	: >"$told"
	exits 0 ctl reload
	wait_for 100 tells '^READY=1 STATUS=configuration 2 ' ||
	    atf_fail "$(cat "$told")"
	[ "$(head -1 "$told" | cut -d ' ' -f 1)" = RELOADING=1 ] &&
	    tells ' MONOTONIC_USEC=[1-9]' || atf_fail "$(cat "$told")"
	# SIGHUP, as ExecReload= sends it, of what can't be read.
	wait_for 400 one_set || atf_fail "the old set stays"
	cp "$conf" good.conf
	echo nonsense >>"$conf"
	: >"$told"
	kill -HUP "$(cat manager/pid)"
	wait_for 100 tells '^STATUS=reload refused: .*errors' ||
	    atf_fail "$(cat "$told")"
	! tells RELOADING || atf_fail "$(cat "$told")"
	stop_kbsd
	tells '^STOPPING=1' || atf_fail "$(cat "$told")"
	! tells WATCHDOG || atf_fail "nobody asked for it"
	# Where it listens nobody may stand.
	mv good.conf "$conf"
	kbsd_as="env NOTIFY_SOCKET=$dir/nobody"
	run_kbsd
	stop_kbsd
}

one_set()
{
	[ "$(ctl -j show status | jq -r .sets)" = 1 ]
}

daemon_case watchdog "the watchdog is fed while all processes are there"
watchdog_body()
{
	managed --watchdog 400000
	cp -r "$bin" programs
	chmod 755 . programs
	bin=$dir/programs
	start_kbsd
	told_next WATCHDOG=1 || atf_fail "it starves"
	# A process that is replaced at once is no reason.
	kill -9 "$(pid_of verifier)"
	told_next WATCHDOG=1 || atf_fail "it starves"
	# One that can't be is.
	mv programs/verifier verifier
	kill -9 "$(pid_of verifier)"
	wait_for 50 starves || atf_fail "it is fed"
	mv verifier programs/verifier
	told_next WATCHDOG=1 || atf_fail "it starves"
	# The loop does not turn.
	kill -STOP "$(cat manager/pid)"
	wait_for 50 starves || atf_fail "it is fed"
	kill -CONT "$(cat manager/pid)"
	told_next WATCHDOG=1 || atf_fail "it starves"
	stop_kbsd
}

# Nothing for longer than it lives.
starves()
{
	: >"$told"
	sleep 0.6
	! tells WATCHDOG
}

daemon_case credentials "each secret may be a credential"
credentials_body()
{
	start_ita
	managed --credentials "$dir/secrets"
	mkdir secrets
	openssl ecparam -name prime256v1 -genkey -noout -out secrets/tls
	openssl req -x509 -new -key secrets/tls -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost -days 2 -out cert.pem
	head -c 32 /dev/urandom >secrets/master
	write_conf "tls certificate \"$dir/cert.pem\" key credential \"tls\"" \
	    'keystore "local" local { master key credential "master" }'
	mv admin.password secrets/admin
	mv ita/api.key secrets/api
	sed -i -e 's,password file .*,password credential "admin",' \
	    -e 's,api key file .*,api key credential "api",' "$conf"
	# As systemd makes them: its user is in an access list.
	chmod 440 secrets/*
	exits 0 "$bin/kbsd" -n -f "$conf"
	cp cert.pem ca.pem
	run_kbsd
	mkdir -p state
	cp cert.pem state/tls.crt
	login
	p=$(policy)
	k=$(ctl key create -a AES -l 256 -p "$p")
	exits 0 get_key "$k" got
	exits 0 ctl reload
	exits 1 ctl keystore rekey local
	grep -q "its master key is a credential" cried ||
	    atf_fail "$(cat cried)"
	stop_kbsd
	cp "$conf" good.conf
	# What must not be.
	chmod 444 secrets/api
	refused_as "secrets/api: others may read or write it"
	chmod 440 secrets/api
	rm -f secrets/api
	refused_as "secrets/api: No such file"
	managed
	refused_as 'credential "tls": none is handed over' \
	    'credential "master": none is handed over'
	sed -i 's,credential "admin",credential "../admin",' "$conf"
	exits 1 "$bin/kbsd" -n -f "$conf"
	grep -q 'credential name "../admin" must have' cried ||
	    atf_fail "$(cat cried)"
}

# One of these is told.
refused_as()
{
	local text

	setsid $kbsd_as "$bin/kbsd" -d -f "$conf" >refused.log 2>&1 && status=0 ||
	    status=$?
	[ "$status" = 1 ] || atf_fail "ended with $status: $(cat refused.log)"
	for text; do
		! grep -q "$text" refused.log || return 0
	done
	atf_fail "not for: $*: $(cat refused.log)"
}

daemon_case sockets "sockets outlive kbsd: a restart refuses no connection"
sockets_body()
{
	port=$(free_port)
	other=$(free_port)
	daemon_find
	managed --listen "$port" --listen "$other" --unix "$dir/kbsd.sock"
	start_kbsd
	inode=$(stat -c %i kbsd.sock)
	grep -q "127.0.0.1 port $port: the socket was handed over" log &&
	    grep -q "kbsd.sock: the socket was handed over" log &&
	    grep -q "127.0.0.1 port $other: .*nothing .* listens there" log ||
	    atf_fail "$(cat log)"
	cp state/tls.crt ca.pem
	python3 "$(atf_get_srcdir)/connect.py" "$port" ca.pem begun enough \
	    >connected &
	load=$!
	echo $load >loads
	wait_for 600 test -e begun || atf_fail "nothing is answered"
	for n in 1 2 3; do
		sleep 0.5
		pid=$(cat manager/pid)
		kill -USR1 "$kbsd_pid"
		wait_for 600 restarted "$pid" || atf_fail "no restart"
	done
	sleep 0.5
	touch enough
	wait $load
	rm loads
	echo "$(cat connected)"
	read -r answered word failed rest <connected
	[ "$failed" = 0 ] && [ "$answered" -ge 50 ] ||
	    atf_fail "$(cat connected)"
	[ "$(stat -c %i kbsd.sock)" = "$inode" ] || atf_fail "another socket"
	# What is configured later is taken too; a reload keeps the others.
	sed -i "s/^listen on .*/&\\nlisten on 127.0.0.1 port $other/" "$conf"
	exits 0 ctl reload
	port=$other
	url=https://localhost:$port/kbs/v1
	wait_for 100 curl_kbsd /version -f -o body || atf_fail "not served"
	stop_kbsd
	# Sockets for somebody else are none of ours.
	kbsd_as="env LISTEN_PID=1 LISTEN_FDS=7"
	run_kbsd
	http 200 GET /version
	stop_kbsd
}

restarted()
{
	[ "$(cat manager/pid)" != "$1" ] && ctl show status >/dev/null 2>&1
}

# Each unit as it is installed.
units()
{
	local unit

	daemon_find
	mkdir -p units
	for unit in kbsd kbsd-user; do
		sed "s,@SBINDIR@,$bin,; s,@SYSCONFDIR@,/etc,g" \
		    "$src/etc/$unit.service" >"units/$unit.service"
	done
	cp "$src/etc/kbsd.socket" units/
}

daemon_case units "the units: sound, and exposed no more than they must be" \
    systemd-analyze
units_body()
{
	units
	exits 0 systemd-analyze verify --man=no units/*
	[ ! -s cried ] || atf_fail "$(cat cried)"
	exits 0 systemd-analyze security --offline=true --threshold=25 \
	    units/kbsd.service
	exits 0 systemd-analyze security --offline=true --threshold=15 \
	    units/kbsd-user.service
}

# under UNIT [option of manager.py ...]: the next run_kbsd stands in it.
under()
{
	is_root || atf_skip "only root can make what a unit says"
	unshare -m true || atf_skip "no mount namespaces here"
	unit=$1
	shift
	units
	managed "$@"
	kbsd_as="$kbsd_as python3 $(atf_get_srcdir)/unit.py"
	kbsd_as="$kbsd_as $dir/units/$unit.service $dir --"
	start_ita
	write_conf
	# The unit says where they are.
	sed -i '/^directory/d; /^control socket/d' "$conf"
	ctl()
	{
		"$bin/kbsctl" -s "$dir/run/kbsd.sock" "$@"
	}
}

# works_in_unit [KIND ...]: whatever kbsd does is allowed there; processes of
# these kinds are replaced.
works_in_unit()
{
	run_kbsd
	login
	p=$(policy)
	k=$(ctl key create -a AES -l 256 -p "$p")
	exits 0 get_key "$k" first
	exits 0 ctl reload
	for kind in "$@"; do
		kill -9 "$(pid_of $kind)"
		wait_for 100 get_key "$k" again || atf_fail "after $kind"
	done
	stop_kbsd
	[ $# -eq 0 ] || {
		run_kbsd
		exits 0 get_key "$k" again
		cmp first again || atf_fail "another key"
		stop_kbsd
	}
	! grep 'sandbox\|signal 31\|not permitted\|denied' log ||
	    atf_fail "not allowed"
	audit_intact || atf_fail "audit log"
}

daemon_case unit "kbsd does all it does with what its unit leaves it" \
    "systemd-analyze unshare" 180
unit_body()
{
	under kbsd
	works_in_unit verifier store
	grep -q "they run as _kbsd" log || atf_fail "$(cat log)"
}

daemon_case unit_user "the same as a plain user, with its own unit" \
    "systemd-analyze unshare" 180
unit_user_body()
{
	daemon_users
	daemon_find
	under kbsd-user --credentials "$dir/secrets"
	mkdir secrets
	mv admin.password secrets/admin
	cp ita/api.key secrets/api
	sed -i -e 's,password file .*,password credential "admin",' \
	    -e 's,api key file .*,api key credential "api",' "$conf"
	chown -R _kbsd secrets
	chmod 644 "$conf"
	works_in_unit
	grep -q "not started as root" log || atf_fail "$(cat log)"
}

# All that a container's process has: a uid, a directory, its environment.
daemon_case container "read-only, one uid, no capability, the environment" \
    "systemd-analyze unshare"
container_body()
{
	daemon_users
	under kbsd
	[ ! -e /etc/kbsd/kbsd.conf ] && [ ! -e /usr/local/etc/kbsd/kbsd.conf ] ||
	    atf_skip "there is a configuration at the usual place"
	sed -e '/^CapabilityBoundingSet/d' -e '/^SystemCallFilter=~/d' \
	    -e 's/^UMask.*/&\nUser=nobody\nCapabilityBoundingSet=\n/' \
	    units/kbsd.service >units/container.service
	rm "$conf" admin.password
	setsid env -i PATH="$PATH" SERVICE_PORT="$port" ADMIN_USERNAME=admin \
	    ADMIN_PASSWORD="$password" TRUSTAUTHORITY_API_URL="$ita" \
	    TRUSTAUTHORITY_BASE_URL="$ita" TRUSTAUTHORITY_API_KEY=api-key-of-ita \
	    KEY_MANAGER= SSL_CERT_FILE="$dir/ita/tls-ca.pem" \
	    python3 "$(atf_get_srcdir)/unit.py" units/container.service "$dir" \
	    -- "$bin/kbsd" -d >>"$log" 2>&1 &
	kbsd_pid=$!
	echo "$kbsd_pid" >>pids
	wait_for 200 ctl user show admin >said 2>&1 ||
	    atf_fail "$(tail -n 5 log)"
	login
	p=$(policy)
	k=$(ctl key create -a AES -l 256 -p "$p")
	api 200 GET "/keys/$k"
	for pid in $(kbsd_processes); do
		grep -q '^CapBnd:	0000000000000000$' "/proc/$pid/status" &&
		    grep -q "^Uid:	$(id -u nobody)	" "/proc/$pid/status" ||
		    atf_fail "$(cat "/proc/$pid/status")"
		! tr '\0' '\n' <"/proc/$pid/environ" |
		    grep "$password\|api-key" || atf_fail "it is in environ"
	done
	! grep -r "$password\|api-key-of-ita" state || atf_fail "it is on disk"
	# All that was written is where it may be.
	[ -n "$(ls state/environment)" ] || atf_fail "$(ls -R state)"
	stop_kbsd
	! grep 'sandbox\|signal 31' log || atf_fail "not allowed"
}

atf_init_test_cases()
{
	daemon_add_cases
}
