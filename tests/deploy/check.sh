#!/bin/bash
# Runs /recipe in its chroot, and looks whether what it promises is so.
set -eu
recipe=$1

printf '127.0.0.1 localhost\n' >/etc/hosts
if [ "$recipe" = shared ]; then
	bash /provider/provider.sh
	runuser -u you -- env HOME=/home/you bash /recipe
	exit
fi
db=/var/lib/belfry/belfry.db

if ! grep -q '^sqlite3.*restore' /recipe; then
	bash /recipe
	[ "$(sqlite3 $db 'SELECT title FROM notifications')" = 'It works' ]
	exit
fi

# Backup, then something that the backup lacks, then restore, under a stream.
sed '/restore/,$d' /recipe >/first
sed -n '1p;/restore/p' /recipe >/second
bash /first
session=$(belfry session create --user alice --db $db)
sqlite3 $db ".backup /var/backups/belfry.db" # with that session in it
epoch=$(sqlite3 $db "SELECT value FROM meta WHERE key = 'epoch'")
curl -sN --cookie "belfry_session=$session" \
	http://localhost/api/notifications/stream >/stream &
wait_for()
{
	for _ in $(seq 2400); do
		! grep -qs "$1" /stream || return 0
		sleep 0.05
	done
	echo "not in the stream: $1"
	cat /stream
	return 1
}
wait_for 'event: connected'
sqlite3 $db "INSERT INTO notifications(user_id, title) VALUES ('alice', 'After it')"
wait_for 'After it'
cursor=$(sed -n 's/^id: //p' /stream | tail -n 1)
bash /second
wait_for '"reason":"rewritten"'
[ "$(sqlite3 $db "SELECT group_concat(title) FROM notifications WHERE user_id = 'alice'")" = 'It works' ]
[ "$(sqlite3 $db "SELECT value FROM meta WHERE key = 'epoch'")" != "$epoch" ]
rm /stream # the one before has had a reset too
curl -sN --cookie "belfry_session=$session" \
	"http://localhost/api/notifications/stream?lastEventId=$cursor" >/stream &
wait_for 'event: reset'
kill $! || true
belfry doctor --db $db
