# shellcheck shell=bash
# Apache with mod_fcgid: the apache/fcgid.conf of the project, with the values of
# this run.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lib/apache.bash
. "$root/scripts/servers/lib/apache.bash"

server_check()
{
	apache_check alias fcgid
}

server_configure()
{
	local pair given="\"$config\""
	for pair in "${environment[@]}"; do
		given+=$'\n'"FcgidInitialEnv ${pair%%=*} \"${pair#*=}\""
	done
	apache_configure apache/fcgid.conf
	fill_line "$work/fcgid.conf" "Alias \"$base_path\" " "\"$work/belfry\""
	fill_line "$work/fcgid.conf" 'FcgidInitialEnv BELFRY_CONFIG ' "$given"
	apache_fcgid_folders
	apache_test
}
