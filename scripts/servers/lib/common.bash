# shellcheck shell=bash
# What the web servers of scripts/serve have in common.  Sourced by theirs.
# shellcheck disable=SC2154 # its variables

# need PROGRAM: dies if it is not there.
need()
{
	command -v "$1" >/dev/null ||
		die "$1 is not there: scripts/deps servers installs it"
}

# fill_line FILE START VALUE: in place of what follows START (blanks before it
# do not count) in its one line of FILE comes VALUE.
fill_line()
{
	local file=$1 line value
	line=$(sed 's/[].[*/|\\^$()+?{}]/\\&/g' <<<"$2")
	[ "$(grep -cE "^[[:space:]]*$line" "$file")" -eq 1 ] ||
		die "${file##*/}: expected one line that starts with $2"
	value=$(sed -e 's/[\\|&]/\\&/g' -e '$!s/$/\\/' <<<"$3")
	sed -E -i "s|^([[:space:]]*$line).*$|\\1$value|" "$file"
}

# Apache and nginx take another user when root starts them, who may not read
# what is in root's temporary folders.  So root gives up being root before, and
# keeps the one right to read and write there (without the fixup, access(2)
# would not know of it).
as_user=()
if [ "$(id -u)" -eq 0 ]; then
	as_user=(setpriv --reuid www-data --regid www-data --clear-groups
		--inh-caps '-all,+dac_override' --ambient-caps '-all,+dac_override'
		--bounding-set '-all,+dac_override'
		--securebits +no_setuid_fixup setpriv --pdeathsig TERM)
fi

# Lets the web server have as many descriptors as this user may, 20000 at most.
raise_limit()
{
	local most
	most=$(ulimit -Hn)
	if [ "$most" = unlimited ] || [ "$most" -gt 20000 ]; then
		most=20000
	fi
	ulimit -Sn "$most"
	descriptors=$most
}

# Starts the responder on $work/belfry.sock and then "$@", the web server, as
# one group: see supervise.
in_group_with_responder()
{
	in_group "$root/scripts/servers/lib/supervise" "$work/belfry.sock" \
		env BELFRY_CONFIG="$config" "${environment[@]}" \
		"$work/belfry" serve --listen "unix:$work/belfry.sock" \
		-- "${as_user[@]}" "$@"
}

# $work/tls.pem: a certificate and its key, for this run.
make_certificate()
{
	[ ! -e "$work/tls.pem" ] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 2 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1,DNS:localhost \
		-keyout "$work/tls.key" -out "$work/tls.crt" 2>"$work/openssl" ||
		die "openssl made no certificate: $(tail -n 1 "$work/openssl")"
	cat "$work/tls.key" "$work/tls.crt" >"$work/tls.pem"
}
