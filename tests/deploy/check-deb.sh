#!/bin/bash
# In the chroot: see tests/deploy/deb.
set -eux

printf '127.0.0.1 localhost\n' >/etc/hosts
ip addr add 10.9.9.9/32 dev lo
# What is to be started is started by hand: see tests/deploy/systemctl.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# Every file, link and folder with its rights, and the users; not the package
# manager's own notes, logs, and what users' tools leave of their own files.
inventory()
{
	find / -xdev \( -path /proc -o -path /dev -o -path /run -o -path /sys \
		-o -path /tmp -o -path /var/log -o -path /var/lib/dpkg \
		-o -path /var/cache -o -path /inventory \) -prune -o \
		! -name '*-' ! -name '.pwd.lock' -printf '%p %M %u %g %l\n' | sort
	cat /etc/passwd /etc/group /etc/shadow /etc/gshadow
	dpkg -l | awk '{ print $1, $2 }'
}

# Through the web server that runs: the page, who logs in there, a stream.
check_site()
{
	local site=http://localhost page=http://localhost/belfry token
	curl -fsS $page/ | grep -qi '<html'
	curl -fsS $page/kit/index.js | grep -q export
	token=$(curl -fsS $page/demo-users.json |
		sed 's/.*"alice","token":"\([^"]*\)".*/\1/')
	curl -sN --max-time 5 -H "Authorization: Bearer $token" \
		"$site/api/notifications/stream?lastEventId=earliest" >/tmp/stream || true
	grep -q 'Build 1482 finished' /tmp/stream
	belfry doctor $site --config /etc/belfry.conf --quick
	# The page is for this machine alone, the rest for all.
	[ "$(curl -s -o /dev/null -w '%{http_code}' http://10.9.9.9/belfry/demo-users.json)" != 200 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' http://10.9.9.9/api/notifications/healthz)" = 200 ]
}

mkdir /inventory
inventory >/inventory/before
dpkg -i /belfry.deb
belfry check-config /etc/belfry.conf
systemctl enable --now belfry.socket belfry.service

systemctl restart lighttpd
check_site
kill "$(cat /run/lighttpd.pid)"
while pgrep -x lighttpd >/dev/null; do sleep 0.05; done
systemctl restart apache2
check_site

# An upgrade keeps everything.
belfry send --config /etc/belfry.conf --user alice --title 'Still there' >/dev/null
dpkg -i /belfry.deb
[ "$(sqlite3 /var/lib/belfry/belfry.db "SELECT count(*) FROM notifications WHERE title = 'Still there'")" = 1 ]
check_site
apache2ctl stop
pkill -x belfry
while pgrep -x belfry >/dev/null; do sleep 0.05; done

dpkg --purge belfry
inventory >/inventory/after
diff /inventory/before /inventory/after
