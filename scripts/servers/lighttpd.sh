# shellcheck shell=bash
# lighttpd with its mod_fastcgi: the lighttpd.conf of the project, with the
# values of this run in place of those of an installation.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lib/common.bash
. "$root/scripts/servers/lib/common.bash"

server_check()
{
	command -v lighttpd >/dev/null ||
		die "lighttpd is not there: scripts/deps run installs it"
	[ -z "$tls" ] || need openssl
}

# Replaces the value in the one line of the configuration that gives KEY one.
fill()
{
	local key=${1//./\\.} value
	local line="^([[:space:]]*\"?$key\"? =>? ).*[^,](,?)$"
	[ "$(grep -cE "$line" "$work/lighttpd.conf")" -eq 1 ] ||
		die "lighttpd.conf: expected one line that sets $1"
	# shellcheck disable=SC2001 # the other form takes a reference to the match
	value=$(sed 's/[\\|&]/\\&/g' <<<"$2")
	sed -E -i "s|$line|\\1$value\\2|" "$work/lighttpd.conf"
}

# Others for lighttpd-procs.sh and, of the next two, for lighttpd-cgi.sh.
max_procs=1

lighttpd_text()
{
	cat "$root/lighttpd.conf"
}

# $1: the environment of the responder
lighttpd_fill()
{
	fill bin-path "\"$work/belfry\""
	fill max-procs "$max_procs"
	fill socket "\"$work/belfry.sock\""
	fill bin-environment "( $1 )"
}

server_configure()
{
	local pair given="\"BELFRY_CONFIG\" => \"$config\""
	for pair in "${environment[@]}"; do
		given+=", \"${pair%%=*}\" => \"${pair#*=}\""
	done
	# server.username is for root, who is not asked for here.
	lighttpd_text | sed -e '/^server\.username/d' \
		-e "s|/api/notifications|$base_path|g" \
		-e "s|\"streams=10000; |\"streams=$streams; |" >"$work/lighttpd.conf"
	fill server.document-root "\"$docroot\""
	fill server.bind '"127.0.0.1"'
	fill server.port "$port"
	fill server.errorlog "\"$error_log\""
	fill server.upload-dirs "( \"$work/uploads\" )"
	lighttpd_fill "$given"
	if [ -n "$tls" ]; then
		make_certificate
		cat >>"$work/lighttpd.conf" <<-END
			server.modules += ( "mod_openssl" )
			ssl.engine = "enable"
			ssl.pemfile = "$work/tls.pem"
		END
	fi
	lighttpd -tt -f "$work/lighttpd.conf" >&2 ||
		die "lighttpd does not take its configuration"
}

server_start()
{
	in_group lighttpd -D -f "$work/lighttpd.conf"
}

server_port_taken()
{
	tail -n 20 "$error_log" 2>/dev/null | grep -q 'Address already in use'
}
