# shellcheck shell=bash
# An account on somebody else's Apache with mod_fcgid: nothing but apache/htaccess
# and apache/belfry.fcgi of the project, in the folder of the site; all the rest
# is as Apache and mod_fcgid have it by themselves.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lib/apache.bash
. "$root/scripts/servers/lib/apache.bash"

server_check()
{
	apache_check alias fcgid rewrite
}

# The folder of the site is a copy: .htaccess and belfry.fcgi are added to it.
server_configure()
{
	local pair given="$config" site=$work/site
	for pair in "${environment[@]}"; do
		given+=$'\n'"export ${pair%%=*}=\"${pair#*=}\""
	done
	rm -rf "$site"
	cp -R "$docroot" "$site" || die "$site: can't be made"
	sed -e "s|api/notifications|${base_path#/}|g" "$root/apache/htaccess" \
		>"$site/.htaccess"
	cp "$root/apache/belfry.fcgi" "$site/belfry.fcgi"
	fill_line "$site/belfry.fcgi" 'BELFRY_CONFIG=' "$given"
	fill_line "$site/belfry.fcgi" 'exec ' "$work/belfry"
	chmod 755 "$site/belfry.fcgi"
	(docroot=$site && apache_main)
	{
		echo "<Directory \"$site\">"
		echo "	AllowOverride All"
		echo "</Directory>"
	} >>"$work/apache.conf"
	apache_fcgid_folders
	apache_test
}
