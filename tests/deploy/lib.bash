# shellcheck shell=bash
# What the tests in a chroot have in common.  Sourced from the project's folder.

here=tests/deploy
work=$PWD/build/deploy
packages=lighttpd,apache2,libapache2-mod-fcgid,nginx-light,sqlite3,curl,systemd
packages+=,adduser,iproute2,procps,libfcgi0ldbl,libjson-c5,libnettle8
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

# Once: it takes a minute or two, and the machine's own mirror.
make_base()
{
	local mirror
	[ "$(cat "$work/base.packages" 2>/dev/null)" != "$packages" ] || return 0
	# shellcheck disable=SC2016 # for apt-get
	mirror=$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' | grep -m 1 '/debian/$' ||
		echo http://deb.debian.org/debian/)
	echo "deploy: a fresh Debian from $mirror"
	rm -rf "$work/base" "$work/base.packages"
	mkdir -p "$work"
	debootstrap --variant=minbase --include="$packages" bookworm \
		"$work/base" "$mirror" >"$work/debootstrap.log" 2>&1 ||
		die "debootstrap failed: $(tail -n 3 "$work/debootstrap.log")"
	rm -rf "$work"/base/var/cache/apt/archives/*.deb
	echo "$packages" >"$work/base.packages"
}

# A new one in $1.
new_root()
{
	rm -rf --one-file-system "$1"
	cp -a "$work/base" "$1"
	install -m 755 $here/systemctl "$1/usr/local/sbin/systemctl"
}

# A shell in $1 with nothing of this machine: what it starts ends with it.
inside()
{
	local root=$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	unshare --net --mount --pid --ipc --uts --fork /bin/bash -c '
		root=$1
		shift
		ip link set lo up
		mount -t proc proc "$root/proc"
		mount --bind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/run"
		mkdir -p "$root/run/lock"
		exec chroot "$root" env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' \
		inside "$root" "$@"
}
