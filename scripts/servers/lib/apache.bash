# shellcheck shell=bash
# Apache, as a person has it already: what comes around the files of apache/.
# Sourced by apache-*.sh.
# shellcheck disable=SC2154 # variables of scripts/serve

. "$root/scripts/servers/lib/common.bash"

apache_modules=${APACHE_MODULES:-/usr/lib/apache2/modules}
apache_wanted=(mpm_event authz_core mime dir env)

# apache_check MODULE...
apache_check()
{
	local module
	apache_wanted+=("$@")
	need apache2
	if [ -n "$tls" ]; then
		need openssl
		apache_wanted+=(socache_shmcb ssl http2)
	fi
	for module in "${apache_wanted[@]}"; do
		[ -e "$apache_modules/mod_$module.so" ] ||
			die "Apache's mod_$module is not there:" \
				"scripts/deps servers installs it"
	done
}

# apache_configure FILE: around this one of apache/.
apache_configure()
{
	local file=$work/${1##*/}
	sed -e "s|/api/notifications|$base_path|g" "$root/$1" >"$file"
	apache_main
	echo "Include \"$file\"" >>"$work/apache.conf"
}

# $work/apache.conf without anything of ours.
apache_main()
{
	local module
	{
		echo "ServerRoot \"$work\""
		echo "PidFile \"$work/apache.pid\""
		# The default.  With "file" mod_fcgid ends whole processes of
		# Apache (docs/servers.md).
		echo "Mutex pthread default"
		echo "ErrorLog \"$error_log\""
		echo "LogLevel warn"
		echo "ServerName 127.0.0.1"
		echo "Listen 127.0.0.1:$port"
		for module in "${apache_wanted[@]}"; do
			echo "LoadModule ${module}_module" \
				"$apache_modules/mod_$module.so"
		done
		echo "TypesConfig /etc/mime.types"
		echo "AddType text/javascript .mjs"
		echo "DocumentRoot \"$docroot\""
		echo "DirectoryIndex index.html"
		echo "<Directory \"$docroot\">"
		echo "	Require all granted"
		echo "</Directory>"
		if [ -n "$tls" ]; then
			make_certificate
			echo "SSLEngine on"
			echo "SSLCertificateFile \"$work/tls.pem\""
			echo "SSLSessionCache none"
			echo "Protocols h2 http/1.1"
		fi
	} >"$work/apache.conf"
	raise_limit
}

# Where mod_fcgid keeps the sockets of its processes and their table.
apache_fcgid_folders()
{
	mkdir -p "$work/fcgid"
	{
		echo "FcgidIPCDir \"$work/fcgid\""
		echo "FcgidProcessTableFile \"$work/fcgid/table\""
	} >>"$work/apache.conf"
}

apache_test()
{
	apache2 -t -f "$work/apache.conf" >"$work/apache.test" 2>&1 || {
		cat "$work/apache.test" >&2
		die "Apache does not take its configuration"
	}
}

# Apache starts the responder itself.  apache-proxy.sh has a start of its own.
server_start()
{
	in_group "${as_user[@]}" apache2 -DFOREGROUND -f "$work/apache.conf"
}

server_port_taken()
{
	tail -n 20 "$error_log" "$responder_log" 2>/dev/null |
		grep -q 'Address already in use'
}
