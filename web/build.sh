#!/bin/sh
# Builds the kit: each src/*.ts becomes dist/*.js.  esbuild takes the types off,
# file by file, and bundles nothing.  tsc is not needed for this, as the sources
# have only types that can be taken off (erasableSyntaxOnly in tsconfig.json).
#
# esbuild is Debian's package, or else the npm module of this folder.
set -eu

cd "$(dirname "$0")"
PATH=$PATH:$PWD/node_modules/.bin
command -v esbuild >/dev/null || {
	echo 'esbuild is not there: scripts/deps kit installs it' \
		'(so does make run); npm ci in web/ too' >&2
	exit 1
}
rm -rf dist
esbuild src/*.ts --outdir=dist --format=esm --target=es2022 \
	--log-level=warning
# As they are: their licence stands in a comment, which esbuild would drop.
cp -R src/vendor dist
touch dist/stamp
