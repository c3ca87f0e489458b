# shellcheck shell=bash
# lighttpd with four responders on one database: "max-procs" of lighttpd.conf,
# for what one process can't do.  See scripts/serve.
# shellcheck disable=SC2154 # its variables
# shellcheck source=scripts/servers/lighttpd.sh
. "$root/scripts/servers/lighttpd.sh"
max_procs=4
