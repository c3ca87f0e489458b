# shellcheck shell=bash
# nginx and `belfry serve`: the nginx.conf of the project, with the values of this
# run in place of those of an installation.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lib/common.bash
. "$root/scripts/servers/lib/common.bash"

server_check()
{
	need nginx
	[ -z "$tls" ] || need openssl
}

server_configure()
{
	local file=$work/nginx.conf folder folders='' listen="127.0.0.1:$port"
	for folder in client_body proxy fastcgi uwsgi scgi; do
		folders+="\\n\\t${folder}_temp_path $work/uploads/$folder;"
	done
	# The user is for root, who is not asked for here; the modules that are
	# installed besides are not wanted.
	sed -e '/^user /d' -e '/^include .*modules-enabled/d' \
		-e "s|/api/notifications|$base_path|g" \
		-e "s|^http {|&$folders|" "$root/nginx.conf" >"$file"
	if [ -n "$tls" ]; then
		make_certificate
		listen+=" ssl http2"
	fi
	raise_limit
	fill_line "$file" 'pid ' "$work/nginx.pid;"
	fill_line "$file" 'error_log ' "$error_log;"
	fill_line "$file" 'worker_rlimit_nofile ' "$descriptors;"
	fill_line "$file" 'worker_connections ' "$((descriptors * 9 / 10));"
	fill_line "$file" 'listen ' "$listen;${tls:+
		ssl_certificate $work/tls.pem;
		ssl_certificate_key $work/tls.pem;}"
	fill_line "$file" 'root ' "$docroot;"
	fill_line "$file" 'fastcgi_pass ' "unix:$work/belfry.sock;"
	"${as_user[@]}" nginx -t -q -c "$file" -e "$error_log" >&2 ||
		die "nginx does not take its configuration"
}

server_start()
{
	in_group_with_responder nginx -c "$work/nginx.conf" -e "$error_log" \
		-g 'daemon off;'
}

server_port_taken()
{
	tail -n 20 "$error_log" 2>/dev/null | grep -q 'Address already in use'
}
