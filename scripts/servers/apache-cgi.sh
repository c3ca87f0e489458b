# shellcheck shell=bash
# Apache with mod_cgid: the apache/cgi.conf of the project, with the values of
# this run.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lib/apache.bash
. "$root/scripts/servers/lib/apache.bash"

server_check()
{
	apache_check alias cgid
}

server_configure()
{
	local pair given="\"$config\""
	for pair in "${environment[@]}"; do
		given+=$'\n\t'"SetEnv ${pair%%=*} \"${pair#*=}\""
	done
	apache_configure apache/cgi.conf
	fill_line "$work/cgi.conf" "ScriptAlias \"$base_path\" " "\"$work/belfry\""
	fill_line "$work/cgi.conf" 'SetEnv BELFRY_CONFIG ' "$given"
	echo "ScriptSock \"$work/cgid.sock\"" >>"$work/apache.conf"
	apache_test
}
