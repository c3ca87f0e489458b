# shellcheck shell=bash
# Apache with mod_proxy_fcgi and `belfry serve`: the apache/proxy.conf of the
# project, with the values of this run.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lib/apache.bash
. "$root/scripts/servers/lib/apache.bash"

server_check()
{
	apache_check proxy proxy_fcgi
}

server_configure()
{
	apache_configure apache/proxy.conf
	fill_line "$work/proxy.conf" "ProxyPass \"$base_path\" \"unix:" \
		"$work/belfry.sock|fcgi://belfry$base_path\" $(
			sed -n 's/^ProxyPass .*" //p' "$work/proxy.conf")"
	apache_test
}

server_start()
{
	in_group_with_responder apache2 -DFOREGROUND -f "$work/apache.conf"
}
