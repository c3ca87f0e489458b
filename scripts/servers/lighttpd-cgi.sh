# shellcheck shell=bash
# lighttpd with its mod_cgi: the first part of lighttpd.conf, and
# lighttpd-cgi.conf, with the values of this run.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lighttpd.sh
. "$root/scripts/servers/lighttpd.sh"

lighttpd_text()
{
	sed '/^# ---- 2\./,$d' "$root/lighttpd.conf"
	cat "$root/lighttpd-cgi.conf"
}

lighttpd_fill()
{
	fill alias.url "( \"$base_path\" => \"$work/belfry\" )"
	fill setenv.set-environment "( $1 )"
}
