# kbsd.conf(5): what is taken, and what is said of what is not.

kbsd()
{
	"$(atf_get_srcdir)/../../bin/kbsd" "$@"
}

# good TEXT: it is taken, and what -nv prints of it is taken as the same.
good()
{
	printf "$1" >conf
	kbsd -nv -f conf >printed 2>err || atf_fail "refused: $1: $(cat err)"
	chmod 600 printed
	kbsd -nv -f printed >again 2>err || atf_fail "not read back: $1"
	cmp -s printed again || atf_fail "not the same: $1"
}

# bad LINE PART TEXT: it is refused with file:LINE: ... PART ...
bad()
{
	printf "$3" >conf
	status=0
	kbsd -n -f conf 2>err || status=$?
	[ $status -eq 1 ] || atf_fail "status $status of $3"
	if [ "$1" = - ]; then
		grep -qF "$2" err ||
		    atf_fail "of $3 it says: $(tr '\n' '|' <err)"
	else
		grep -F "conf:$1: " err | grep -qF "$2" ||
		    atf_fail "of $3 it says: $(tr '\n' '|' <err)"
	fi
}

ita='trust authority api "https://a" base "https://b" api key file "/k" root "/r"'

atf_test_case taken
taken_body()
{
	good ''
	good '# nothing\n\n\n'
	good 'prefork 3'
	good 'listen on * port 1 role admin\nlisten on "::1" role transfer\n'
	good 'listen on localhost\n'
	good 'listen on a client ca "/c"\nlisten on b port 1 role admin client ca "/c" client crl "/r"\n'
	good 'tls certificate "/a" key "/b"\ntls certificate "/c" key "/b"\ntls watch 10s\n'
	good 'tls watch off\n'
	good 'a = "7"\nprefork 2\ntls names "x" "y", "z"\n'
	good 'login { attempts 3 within 30s lockout 2h token lifetime 5m }\n'
	good 'login {\n\tattempts 3 within 30s;\n\n\tlockout 1d\n}\n'
	good "attestation \"ita\" { $ita }\n"
	good "attestation \"ita\" {\n$ita\nretry wait 1s to 3s\nrefetch 5s\napi version 1\nissuer \"i\"\naudience \"a\"\nproxy \"http://p:1\"\ncrl host \"h:2\"\nca \"/c\"\n}\n"
	good 'keystore "a" local\nkeystore "b" local {\n master key file "/m" }\n'
	good "keystore \"v\" vault { url \"https://v\" token file \"/t\" }\n"
	good 'keystore "v" vault {\nurl "https://a:1"\nurl "https://b"\nmount "a/b"\nnamespace "n/m"\nversion 2\napprole "r-1" secret file "/s"\napprole mount "x"\nca "/c"\n}\n'
	good 'keystore "k" kmip { server "h" certificate "/c" key "/k" ca "/a" }\n'
	good 'keystore "k" kmip {\nserver "h" port 1\nserver name "n"\nversion "1.4"\ncertificate "/c" key "/k"\nca "/a"\nuser "u" password file "/p"\ntls "tlsv1.3"\n}\n'
	good 'keystore "k" kmip { server "h" certificate "/c" key "/k" ca "/a"; keys by server; activate }\n'
	good 'keystore "v" vault { url "http://127.0.0.1:8200" token file "/t" }\n'
	good 'keystore "v" vault { url "http://v" token file "/t"; cache 60s; insecure }\n'
	good 'keystore "h" pkcs11 { module "/m" token "t" pin file "/p" }\n'
	good 'keystore "h" pkcs11 {\nmodule "/m"\ntoken "a b"\npin file "/p"\nkey "k"\nread "/a"; read "/b"\nwrite "/c"\nenvironment "A_1=x y=z"\nenvironment "B="\nnetwork\n}\n'
	good 'keystore "h" pkcs11 {\nmodule "/m"\ntoken "t"\npin file "/p"\nkeys by token\n}\n'
	# A token holds the keys of one keystore; keys that seal are others.
	t='module "/m" pin file "/p" token'
	good "keystore \"a\" pkcs11 { $t \"t\"; keys by token }\nkeystore \"b\" pkcs11 { $t \"u\"; keys by token }\nkeystore \"c\" pkcs11 { $t \"t\" }\nkeystore \"d\" pkcs11 { $t \"t\" }\n"
	good 'audit syslog\naudit syslog local7\naudit socket "/s"\n'
	good 'log format json\n'
	good 'log format "key=value"\nlog format plain\n'
	good 'audit optional\nrequire nonce\nverbose 2\nconnections 9\n'
	good 'metrics\n'
	good 'metrics on ::1 port 0\nmetrics on "127.1.2.3"\nmetrics on localhost port 1\n'
	good 'metrics on * port 9 insecure\n'
	good 'limits { }\n'
	good 'limits { connections 9; connections per address 3\nrequests per address 7\nrequests per user 5 burst 50\nheader 1024; body 65536\ntimeout handshake 1s; timeout header 2s\ntimeout body 1h\ntimeout idle 5m\ntimeout write 9s }\n'
	good 'control socket "/tmp/x" group "g"\ndirectory "/d"\n'
	good 'directory \\\n"/d"\n'
	good 'user "u"\nkeyuser "k"\naudit log "/a"\n'
	good 'administrator "admin" password file "/p"\n'
	good 'administrator "admin" password credential "p"\ntls certificate "/c" key credential "k"\n'
	good 'tls certificate "/c" key file "/k"\n'
	good "attestation \"i\" { $(echo "$ita" | sed 's/file "\/k"/credential "k"/') }\n"
	good 'keystore "a" local { master key credential "m" }\n'
	good 'keystore "v" vault { url "https://v" token credential "t" }\n'
	good 'keystore "v" vault { url "https://v" approle "r" secret credential "s" }\n'
	good 'keystore "k" kmip { server "h" certificate "/c" key credential "k" ca "/a"; user "u" password credential "p" }\n'
	good 'keystore "h" pkcs11 { module "/m" token "t" pin credential "p" }\n'
	printf 'prefork 4\n' >part
	chmod 600 part
	good 'include "part"\nverbose 1\n'
}

# What is not said has its default, and a rate is a burst too.
atf_test_case limits
limits_body()
{
	good 'metrics\nlimits { requests per address 7 }\n'
	atf_check -o inline:'metrics on "127.0.0.1" port 9464\n' \
	    grep ^metrics printed
	atf_check -o match:'^listen on "127.0.0.1" port 9443' cat printed
	atf_check -o inline:"limits {
	connections 4096
	requests per address 7 burst 7
	header 65536
	body 1048576
	timeout handshake 10s
	timeout header 10s
	timeout body 20s
	timeout idle 60s
	timeout write 30s
}
" sed -n '/^limits/,/^}/p' printed

	bad - "metrics on 0.0.0.0: this is no loopback address" \
	    'metrics on 0.0.0.0\n'
	bad - "metrics on *: this is no loopback address" 'metrics on *\n'
	bad - "metrics on 127.0.0.1.example.net: this" \
	    'metrics on 127.0.0.1.example.net\n'
	bad 1 'port 65536 is not between' 'metrics on ::1 port 65536\n'
	bad 2 'header_bytes 1023 is not between 1024 and 65536' \
	    'limits {\nheader 1023 }\n'
	bad 1 'body_bytes 1048577 is not' 'limits { body 1048577 }\n'
	bad 1 'requests_per_user 0 is not' 'limits { requests per user 0 }\n'
	bad 1 'requests_per_address_burst 0 is not' \
	    'limits { requests per address 1 burst 0 }\n'
	bad 1 'idle_seconds 3601 is not' 'limits { timeout idle 3601s }\n'
	bad 1 'near "answer"' 'limits { timeout answer 3s }\n'
	bad - 'one address may have more connections than there are' \
	    'limits { connections 5; connections per address 6 }\n'
}

# The proxy of the environment, where the configuration names none.
atf_test_case proxy
proxy_body()
{
	block()
	{
		echo "attestation \"a\" { trust authority api \"https://$1\""
		echo 'base "https://x" api key file "/k" root "/r"'
		echo "$2 }"
	}
	shown()
	{
		want=$1
		shift
		atf_check -o save:out -e ignore env -u no_proxy "$@" \
		    "$(atf_get_srcdir)/../../bin/kbsd" -nv -f conf
		got=$(sed -n 's/^[[:space:]]*proxy //p' out)
		atf_check_equal "$want" "$got"
	}
	block api.example.net:443/v1 >conf
	chmod 600 conf
	shown '' https_proxy=
	shown '"http://p:3128"' https_proxy=http://p:3128
	shown '"http://p:3128"' https_proxy=p:3128
	shown '"http://p"' https_proxy=http://p no_proxy=b,ample.net,api
	for list in '*' api.example.net 'x, .example.net' API.Example.Net; do
		shown '' https_proxy=http://p no_proxy="$list"
	done
	block api.example.net 'proxy "http://mine"' >conf
	shown '"http://mine"' https_proxy=http://p
	block localhost:8443 >conf
	shown '' https_proxy=http://p
	block '[::1]:8443' >conf
	shown '' https_proxy=http://p
}

# Administrators of somebody else.
atf_test_case issuers
issuers_body()
{
	i='administrators issuer "https://i"'
	o='jwks file "/j"; audience "a"; claim "g"'
	good "$i { $o; role \"r\" all }\n"
	good "$i {\n$o\nlifetime 5m\nrole \"r\" keys:search, keys:create users:delete\nrole \"s t\" key-transfer-policies:create\n}\n"
	atf_check -o match:'role "s t" key_transfer_policies:create' cat printed
	good "$i { $o; role \"all\" all }\nadministrators issuer \"https://j\" { $o; role \"r\" all }\n"
	for w in jwks audience claim; do
		bad - "$w" "$i { $(echo "$o" |
		    sed "s/$w[^;]*\(;\|\$\)//"); role \"r\" all }\n"
		grep -q "missing" err || atf_fail "of $w: $(cat err)"
	done
	bad - 'role is missing' "$i { $o }\n"
	bad - 'a role is set twice' \
	    "$i { $o; role \"r\" all; role \"r\" all }\n"
	bad - 'a role is empty or too long' "$i { $o; role \"\" all }\n"
	bad - 'is set twice' \
	    "$i { $o; role \"r\" all }\n$i { $o; role \"r\" all }\n"
	bad - 'is no https URL' \
	    "administrators issuer \"http://i\" { $o; role \"r\" all }\n"
	bad 2 '"keys:steal" is no permission' \
	    "$i { $o\nrole \"r\" keys:steal }\n"
	# What only who is on this machine may do has no name.
	bad 1 '"local" is' "$i { $o; role \"r\" \"local\" }\n"
	bad 1 'lifetime 59 is not between 60 and 86400' \
	    "$i { $o; lifetime 59s; role \"r\" all }\n"
	bad 1 'audience is set twice' "$i { $o; audience \"b\" }\n"
	bad 1 'syntax error' "$i { $o; role \"r\" }\n"
	bad - 'there are too many' "$(for n in $(seq 17); do
		echo "administrators issuer \"https://$n\" { $o; role \"r\" all }"
	done)\n"
	bad - 'there are too many roles' "$i { $o
$(for n in $(seq 65); do echo "role \"$n\" all"; done)
}\n"
}

# Intel quotes that are judged here.
atf_test_case dcap
dcap_body()
{
	d='attestation "local" {\ndcap\n'
	good 'attestation "local" { dcap }\n'
	good "${d}collateral from \"https://pccs:8081/x\"\nca \"/c\"\nproxy \"http://p:1\"\nroot \"/r\"\nretry wait 1s to 3s\nrefetch 5s\n}\n"
	good "${d}collateral directory \"/c\"\nroot \"/r\"\n}\n"
	# Behind the services, wherever it stands; Intel's is the default.
	good "${d}}\nattestation \"a\" { $ita }\nattestation \"b\" { $ita }\n"
	atf_check_equal '"a""b""local"' \
	    "$(sed -n 's/^attestation \(.*\) {/\1/p' printed | tr -d '\n')"
	atf_check -o inline:'	collateral from "https://api.trustedservices.intel.com"\n' \
	    grep 'collateral from' printed
	# Nothing of the network where there is none, nor of a root.
	good "${d}collateral directory \"/c\"\n}\n"
	atf_check -o inline:'attestation "local" {\n\tdcap\n\tcollateral directory "/c"\n}\n' \
	    sed -n '/^attestation/,/^}/p' printed

	bad 3 'dcap is set in attestation "a" already' \
	    'attestation "a" { dcap }\nattestation "b" {\ndcap\n}\n'
	for o in 'trust authority api "https://x"' 'base "https://x"' \
	    'api key file "/k"' 'api version 2' 'issuer "i"' 'audience "a"' \
	    'crl host "h"'; do
		w=${o%% \"*}
		bad 4 "${w% [0-9]*}" "${d}root \"/r\"\n$o\n}\n"
		grep -q "can't stand beside dcap" err || atf_fail "of $o"
		# Before it, too.
		bad 2 "can't stand beside dcap" \
		    "attestation \"i\" {\n$o\n\ndcap }\n"
	done
	bad 3 'pin is of a service' "${d}root \"/r\" pin\n}\n"
	for o in 'collateral from "https://x"' 'ca "/c"' 'proxy "http://p"' \
	    'retry wait 1s to 2s' 'refetch 5s'; do
		bad 4 'no use beside a collateral directory' \
		    "${d}collateral directory \"/c\"\n$o\n}\n"
	done
	for o in 'collateral from "https://x"' 'collateral directory "/x"'; do
		bad 2 'collateral stands only beside dcap' \
		    "attestation \"i\" { $ita\n$o\n}\n"
	done
	bad - 'collateral directory "c" must begin with /' \
	    "${d}collateral directory \"c\"\n}\n"
	for u in http://x x https:// 'https://u@x' 'https://x/?a' ''; do
		bad - "collateral from \"$u\" is no plain https" \
		    "${d}collateral from \"$u\"\n}\n"
	done
	bad - 'the least is more than the most' \
	    "${d}retry wait 9s to 2s\n}\n"
	bad 4 'collateral directory is set twice' \
	    "${d}collateral directory \"/c\"\ncollateral directory \"/c\"\n}\n"
	bad 3 'near "x"' "${d}collateral x\n}\n"

	# The environment's proxy is for Intel's service, too.
	printf "${d}}\n" >conf
	atf_check -e ignore -o match:'proxy "http://p"' env -u no_proxy \
	    https_proxy=http://p "$(atf_get_srcdir)/../../bin/kbsd" -nv -f conf
	atf_check -e ignore -o not-match:'proxy' env no_proxy=intel.com \
	    https_proxy=http://p "$(atf_get_srcdir)/../../bin/kbsd" -nv -f conf
	printf "${d}collateral directory \"/c\"\n}\n" >conf
	atf_check -e ignore -o not-match:'proxy' env -u no_proxy \
	    https_proxy=http://p "$(atf_get_srcdir)/../../bin/kbsd" -nv -f conf
}

# Reports of SEV-SNP, beside quotes or alone, in a block of their own.
atf_test_case snp
snp_body()
{
	s='attestation "amd" {\nsnp\n'
	good "${s}}\n"
	atf_check -o inline:'	collateral from "https://kdsintf.amd.com"\n' \
	    grep 'collateral from' printed
	good "${s}collateral from \"https://kds:8081/x\"\nca \"/c\"\nproxy \"http://p:1\"\nroot \"/r\"\nretry wait 1s to 3s\nrefetch 5s\n}\n"
	# Each kind in its place, wherever it stands.
	good "${s}collateral directory \"/c\"\n}\nattestation \"d\" { dcap }\nattestation \"a\" { $ita }\n"
	atf_check_equal '"a""d""amd"' \
	    "$(sed -n 's/^attestation \(.*\) {/\1/p' printed | tr -d '\n')"
	atf_check -o inline:'attestation "amd" {\n\tsnp\n\tcollateral directory "/c"\n}\n' \
	    sed -n '/^attestation "amd"/,/^}/p' printed
	bad 3 'snp is set in attestation "a" already' \
	    'attestation "a" { snp }\nattestation "b" {\nsnp\n}\n'
	bad 3 'dcap and snp are blocks of their own' "${s}dcap\n}\n"
	bad 3 'pin is of a service' "${s}root \"/r\" pin\n}\n"
	bad 3 "can't stand beside snp" "${s}issuer \"i\"\n}\n"
	bad 4 'no use beside a collateral directory' \
	    "${s}collateral directory \"/c\"\nca \"/c\"\n}\n"
	bad - 'collateral directory "c" must begin with /' \
	    "${s}collateral directory \"c\"\n}\n"
}

# Tokens of other issuers.
atf_test_case jwks
jwks_body()
{
	f='attestation "f" {\njwks file "/f"\nissuer "i"\n'
	u='attestation "u" {\njwks from "https://x/certs"\nissuer "j"\nroot "/r"\n'
	c='"attester_type" is "TDX"\n"attester_key" from "/a/b~1c"\n"dbgstat" from "d"\n'
	good "$f}\n"
	good "$u}\n"
	good "${f}audience \"a\"\nalgorithm \"PS256\"\nclaims {\n$c}\n}\n"
	good "${f}claims { \"attester_type\" from \"t\"; \"attester_held_data\" from \"h\"; \"sgx_is_debuggable\" from \"g\"; require \"/s/0\" is \"\" }\n}\n"
	good "${u}ca \"/c\"\nproxy \"http://p:1\"\ncrl host \"h:2\"\nretry wait 1s to 3s\nrefetch 5s\nalgorithm \"RS256\"\n}\n"
	# Nothing of a network beside a file, whatever the environment says.
	printf "$f}\n" >conf
	atf_check -e ignore -o not-match:'proxy|	ca ' env -u no_proxy \
	    https_proxy=http://p "$(atf_get_srcdir)/../../bin/kbsd" -nv -f conf
	# Services first, then those with a fetcher, files, and dcap.
	good "attestation \"d\" { dcap }\n$f}\n$u}\nattestation \"a\" { $ita }\n"
	atf_check_equal '"a""u""f""d"' \
	    "$(sed -n 's/^attestation \(.*\) {/\1/p' printed | tr -d '\n')"

	bad - 'issuer is missing' 'attestation "f" { jwks file "/f" }\n'
	bad - 'issuer is missing' \
	    'attestation "f" { jwks file "/f"; issuer "" }\n'
	bad - 'root is missing' \
	    'attestation "u" { jwks from "https://x"; issuer "i" }\n'
	bad - 'root is of no use beside a jwks file' "${f}root \"/r\"\n}\n"
	bad - 'not both' "${f}jwks from \"https://x\"\n}\n"
	bad 4 'jwks file is set twice' "${f}jwks file \"/g\"\n}\n"
	for x in http://x x 'https://u@x' 'https://x/?a' ''; do
		bad - "jwks from \"$x\" is no plain https" \
		    "attestation \"u\" { jwks from \"$x\"; issuer \"i\" }\n"
	done
	bad - 'the least is more' "${u}retry wait 9s to 2s\n}\n"
	for x in HS256 none ES256 rs256 ''; do
		bad - 'algorithm is not RS256' "${f}algorithm \"$x\"\n}\n"
	done
	bad - '"f" and "g" take tokens of one issuer' \
	    "$f}\nattestation \"g\" { jwks file \"/g\"; issuer \"i\" }\n"
	bad - 'take tokens of one issuer' \
	    "$f}\nattestation \"g\" { $ita issuer \"i\" }\n"
	for o in 'trust authority api "https://x"' 'base "https://x"' \
	    'api key file "/k"' 'api version 2' 'root "/r" pin'; do
		bad 4 "can't stand beside jwks" "$f$o\n}\n"
	done
	for o in 'ca "/c"' 'proxy "http://p"' 'retry wait 1s to 2s' \
	    'refetch 5s' 'crl host "h"'; do
		bad 4 'no use beside a jwks file' "$f$o\n}\n"
	done
	for o in 'algorithm "RS256"' 'claims { }'; do
		bad 2 'stands only beside jwks' \
		    "attestation \"i\" { $ita\n$o\n}\n"
	done
	bad 4 "jwks can't stand beside dcap" "${f}dcap }\n"

	# The claims: what makes no sense, or would weaken every policy.
	claims()
	{
		bad - "$1" "${f}claims {\n$2}\n}\n"
	}
	claims 'attester_type is missing' ''
	claims 'must say where the workload' '"attester_type" is "TDX"\n'
	claims 'so it would always count as allowed' \
	    '"attester_type" is "TDX"\n"attester_key" from "k"\n'
	claims 'must say where the workload' \
	    "$c\"attester_held_data\" from \"h\"\n"
	claims 'tdx_mrtf is no claim' "$c\"tdx_mrtf\" from \"h\"\n"
	claims 'exp is no claim' "$c\"exp\" from \"h\"\n"
	claims 'dbgstat is set twice' "$c\"dbgstat\" from \"h\"\n"
	claims "tdx_is_debuggable can't be said here" \
	    "$c\"tdx_is_debuggable\" is \"false\"\n"
	claims "tdx_mrtd can't be said here" "$c\"tdx_mrtd\" is \"00\"\n"
	claims 'must be SGX or TDX' '"attester_type" is "SNP"\n'
	for x in '' '/a~' '/a~2' '/~/b'; do
		claims 'is no path in a token' "$c\"tdx_mrtd\" from \"$x\"\n"
		claims 'is no path in a token' "${c}require \"$x\" is \"1\"\n"
	done
	claims 'is no path in a token' \
	    "$c\"tdx_mrtd\" from \"$(printf '%%0256d' 0)\"\n"
	claims 'has too long a value' \
	    "${c}require \"a\" is \"$(printf '%%0256d' 0)\"\n"
	claims 'there are too many' "$c$(seq 64 | sed 's/.*/require "&" is "1"\\n/' | tr -d '\n')"
	bad 9 'claims is set twice' "${f}claims {\n$c}\nclaims { }\n}\n"
	# The manual's own.
	for b in azure ear; do
		sed -n "/^attestation \"$b\" {/,/^}/p" \
		    "$KBSD_SRC/man/kbsd.conf.5" >conf
		atf_check -e ignore -o match:is_debuggable -o match:issuer \
		    "$(atf_get_srcdir)/../../bin/kbsd" -nv -f conf
	done
	bad 5 'near "x"' "${f}claims {\n\"a\" x \"b\"\n}\n}\n"
}

atf_test_case refused
refused_body()
{
	bad 1 'near "bogus"' 'bogus\n'
	bad 2 'near "rule"' '\nlisten on x rule all\n'
	bad 1 'prefork 99 is not between 1 and 32' 'prefork 99\n'
	bad 1 'port 65536 is not between' 'listen on x port 65536\n'
	bad 1 'number 99999999999999999999 is too large' \
	    'prefork 99999999999999999999\n'
	bad 1 '"5x" is no time' 'login { lockout 5x }\n'
	bad 1 '"99999999999999999999m" is no time' \
	    'login { lockout 99999999999999999999m }\n'
	bad 1 'token lifetime 59 is not between 60 and 1800' \
	    'login { token lifetime 59s }\n'
	bad 1 'a string is not ended' 'directory "/x\n'
	bad 1 'macro "m" is not defined' 'directory $m\n'
	for c in ../x a/b .x ''; do
		bad 1 "credential name \"$c\" must have" \
		    "administrator \"a\" password credential \"$c\"\n"
	done
	bad 1 'credential' 'administrator "a" password file "credential:x"\n'
	bad 1 'syntax error' 'audit log credential "x"\n'
	bad 2 'directory is set twice' 'directory "/a"\ndirectory "/b"\n'
	bad - 'client crl without client ca' 'listen on a client crl "/c"\n'
	bad 1 'syntax error' 'listen on a client ca "/c" client\n'
	bad 1 'client ca is set twice' \
	    'listen on a client ca "/c" client ca "/d"\n'
	bad - 'tls certificate "/a" is set twice' \
	    'tls certificate "/a" key "/b"\ntls certificate "/a" key "/c"\n'
	bad - 'there are more than 16' "$(for n in $(seq 17); do
		echo "tls certificate \"/$n\" key \"/k\""
	done)\n"
	bad 1 'tls watch 0 is not between 1 and 86400' 'tls watch 0s\n'
	bad 2 'keystore "a" is set twice' \
	    'keystore "a" local\nkeystore "a" local\n'
	v='keystore "v" vault { url "https://v" token file "/t"'
	bad - 'keystore "v": url is missing' \
	    'keystore "v" vault { token file "/t" }\n'
	bad - 'keystore "v": token file or approle is missing' \
	    'keystore "v" vault { url "https://v" }\n'
	bad - 'is not https: token and keys could be read' \
	    'keystore "v" vault { url "http://v:8200" token file "/t" }\n'
	bad - 'is not https' \
	    'keystore "v" vault { url "http://127.evil.example" token file "/t" }\n'
	bad - 'url "https://u@v" is no plain https URL' \
	    'keystore "v" vault { url "https://u@v" token file "/t" }\n'
	bad - 'url "ftp://v" is no plain https URL' \
	    'keystore "v" vault { url "ftp://v" token file "/t" }\n'
	bad 1 'token or secret file is set twice' "$v approle \"r\" secret file \"/s\" }\n"
	bad 1 'version 3 is not between 1 and 2' "$v version 3 }\n"
	for m in ../x /x x/ 'a//b' 'a b' 'a?b' ''; do
		bad - "mount \"$m\": only letters" "$v mount \"$m\" }\n"
	done
	bad - 'namespace "a#": only letters' "$v namespace \"a#\" }\n"
	k='keystore "k" kmip { server "h" certificate "/c" key "/k" ca "/a"'
	bad 1 'cache 7200 is not between' "$k cache 2h }\n"
	bad - 'keystore "k": server is missing' 'keystore "k" kmip { ca "/a" }\n'
	bad - 'keystore "k": certificate is missing' 'keystore "k" kmip { ca "/a" }\n'
	bad - 'version is not 1.4 or 2.0' "$k version \"1.2\" }\n"
	bad - 'tls "sslv3": not tlsv1.2' "$k tls \"sslv3\" }\n"
	bad 1 'port 0 is not between' 'keystore "k" kmip { server "h" port 0 }\n'
	bad 1 'syntax error' "$k keys by \"server\" }\n"
	bad 1 'syntax error' 'keystore "v" vault { keys by server }\n'
	h='keystore "h" pkcs11 { module "/m" token "t" pin file "/p"'
	bad - 'module is missing' 'keystore "h" pkcs11 { token "t" pin file "/p" }\n'
	bad - 'module "m.so" must begin with /' \
	    'keystore "h" pkcs11 { module "m.so" token "t" pin file "/p" }\n'
	bad - 'pin file is missing' 'keystore "h" pkcs11 { module "/m" token "t" }\n'
	bad - 'token must be a label of 1 to 32' \
	    'keystore "h" pkcs11 { module "/m" pin file "/p" }\n'
	bad - 'key must be a label of 1 to 32' \
	    "$h key \"123456789012345678901234567890123\" }\n"
	bad - 'read "a" must begin with /' "$h read \"a\" }\n"
	bad - 'write "" must begin with /' "$h write \"\" }\n"
	bad - 'read and write: there are more than 16' \
	    "$h $(printf 'read "/%d"; ' $(seq 17)) }\n"
	for e in A =A 'A B=c' 1A=b 'A-B=c' ''; do
		bad - "environment \"$e\" is not NAME=value" \
		    "$h environment \"$e\" }\n"
	done
	bad 1 'pin file is set twice' "$h pin file \"/q\" }\n"
	bad 1 'near "cache"' "$h cache 5s }\n"
	bad - 'key is of keys outside the token' "$h keys by token; key \"k\" }\n"
	i='keystore "i" pkcs11 { keys by token; pin file "/p"; module'
	for o in '"/m" token "t"' '"/n" token "t"' '"/m" token "t  "'; do
		bad - "keystore \"i\": keys by token: keystore \"h\" has" \
		    "$h keys by token }\n$i $o }\n"
	done
	bad 1 'syntax error' "$h keys by server }\n"
	bad 1 'near "master"' "$v master key file \"/m\" }\n"
	bad 1 'keystore name "../x"' 'keystore "../x" local\n'
	bad 1 'attestation name "a/b"' "attestation \"a/b\" { $ita }\n"
	bad 1 'include "gone"' 'include "gone"\n'
	bad 1 '"s" must begin with /' 'audit socket "s"\n'
	bad 1 '"mail" is no facility' 'audit syslog mail\n'
	bad 5 'there are more than 4' \
	    'audit syslog\naudit syslog\naudit syslog\naudit syslog\naudit syslog\n'
	bad 1 'log format "xml" is not' 'log format xml\n'
	bad - 'directory "rel" must begin with /' 'directory "rel"\n'
	bad - 'attestation "i": base is missing' 'attestation "i" { }\n'
	bad - 'is no plain https URL' \
	    'attestation "i" { trust authority api "http://x" }\n'
	bad - 'the least is more than the most' \
	    'attestation "i" { retry wait 9s to 2s }\n'
}

# All errors at once, each with its place, in included files too.
atf_test_case several
several_body()
{
	printf 'prefork x\nverbose 1' >part
	printf 'include "part"\nprefork 99\nfoo\nlisten on a role all' >conf
	atf_check -s exit:1 -e save:err "$(atf_get_srcdir)/../../bin/kbsd" \
	    -n -f conf
	atf_check_equal "$(grep -c . err)" 3
	atf_check -o ignore grep -F 'part:1: ' err
	atf_check -o ignore grep -F 'conf:2: ' err
	atf_check -o ignore grep -F 'conf:3: ' err
}

atf_test_case hostile
hostile_body()
{
	# An include of itself ends.
	printf 'include "conf"\n' >conf
	atf_check -s exit:1 -e match:"include" \
	    "$(atf_get_srcdir)/../../bin/kbsd" -n -f conf
	printf '\000\000prefork 2\n' >conf
	atf_check -s exit:1 -e match:"a byte 0x00 that is no text" \
	    "$(atf_get_srcdir)/../../bin/kbsd" -n -f conf
	head -c 100000 /dev/zero | tr '\0' a >conf
	atf_check -s exit:1 -e match:"too long" \
	    "$(atf_get_srcdir)/../../bin/kbsd" -n -f conf
	head -c 100000 /dev/zero | tr '\0' '{' >conf
	atf_check -s exit:1 -e match:"syntax error" \
	    "$(atf_get_srcdir)/../../bin/kbsd" -n -f conf
	printf 'prefork 2\n' >conf
	chmod 666 conf
	atf_check -s exit:1 -e match:"others may write it" \
	    "$(atf_get_srcdir)/../../bin/kbsd" -n -f conf
	atf_check -s exit:1 -e match:"gone" \
	    "$(atf_get_srcdir)/../../bin/kbsd" -n -f gone
}

atf_test_case options
options_body()
{
	k="$(atf_get_srcdir)/../../bin/kbsd"
	printf 'n = 3\nprefork $n\n' >conf
	atf_check -s exit:1 -e match:'near "3"' "$k" -n -f conf
	printf 'd = "/a"\ndirectory $d\n' >conf
	atf_check -e ignore -o match:'^directory "/a"$' "$k" -nv -f conf
	atf_check -e ignore -o match:'^directory "/b"$' \
	    "$k" -nv -D d=/b -f conf
	atf_check -s exit:2 -e match:"macro=value" "$k" -n -D d -f conf
	atf_check -s exit:2 -e match:usage "$k" -n -f conf more
	atf_check -s exit:2 -e match:usage "$k" -Q
	atf_check -o match:'^kbsd [0-9]' "$k" -V
}

atf_init_test_cases()
{
	atf_add_test_case taken
	atf_add_test_case issuers
	atf_add_test_case dcap
	atf_add_test_case snp
	atf_add_test_case jwks
	atf_add_test_case refused
	atf_add_test_case proxy
	atf_add_test_case limits
	atf_add_test_case several
	atf_add_test_case hostile
	atf_add_test_case options
}
