# shellcheck shell=bash
# What the tests in a chroot have in common.  Sourced from the project's folder.

here=tests/deploy
work=$PWD/build/deploy
packages=lighttpd,apache2,libapache2-mod-fcgid,nginx-light,sqlite3,curl,systemd
packages+=,adduser,iproute2,procps,libfcgi0ldbl,libnettle8
packages+=,libsqlite3-0

die()
{
	echo "deploy: $*" >&2
	exit 1
}

need_root()
{
	[ "$(id -u)" -eq 0 ] || die "this needs root: a chroot and namespaces"
	command -v debootstrap >/dev/null ||
		die "debootstrap is not there: scripts/deps deb installs it"
}

# Debian $1 in folder $2, with packages $3, by the machine's own mirror.
debian()
{
	local suite=$1 root=$2 mirror script=/usr/share/debootstrap/scripts/$1
	# shellcheck disable=SC2016 # for apt-get
	mirror=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' | grep -m 1 '/debian/$' ||
		echo http://deb.debian.org/debian/)
	echo "deploy: a fresh Debian $suite from $mirror"
	# An older debootstrap does not know it; what it does is the same.
	[ -e "$script" ] || script=${script%/*}/sid
	rm -rf --one-file-system "$root"
	mkdir -p "$root"
	debootstrap --variant=minbase --include="$3" "$suite" "$root" "$mirror" \
		"$script" >"$root.log" 2>&1 ||
		die "debootstrap failed: $(tail -n 3 "$root.log")"
	rm -rf "$root"/var/cache/apt/archives/*.deb
}

# Once: it takes a minute or two.
make_base()
{
	[ "$(cat "$work/base.packages" 2>/dev/null)" != "$packages" ] || return 0
	rm -f "$work/base.packages"
	debian bookworm "$work/base" "$packages"
	echo "$packages" >"$work/base.packages"
}

# A new one in $1.
new_root()
{
	rm -rf --one-file-system "$1"
	cp -a "$work/base" "$1"
	install -m 755 $here/systemctl "$1/usr/local/sbin/systemctl"
}

# Runs a command in $1 with nothing of this machine: what it starts ends with it.
inside()
{
	enclosed --net "$@"
}

# The same, with the network of this machine: for apt-get.
online()
{
	cp /etc/resolv.conf "$1/etc/resolv.conf"
	enclosed --ipc "$@"
}

# $1: what else it has of its own, as unshare calls it
enclosed()
{
	# shellcheck disable=SC2016 # for the inner shell
	unshare "$1" --mount --pid --ipc --uts --fork --kill-child \
		/bin/bash -c '
		own=$1 root=$2
		shift 2
		[ "$own" != --net ] || ip link set lo up
		mount -t proc proc "$root/proc"
		mount --bind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/run"
		mkdir -p "$root/run/lock"
		exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' \
		inside "$@"
}
