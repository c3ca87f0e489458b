#!/bin/sh
# Builds the kit: each src/*.ts becomes dist/*.js.  esbuild takes the types off, file by file, and
# bundles nothing.  TypeScript itself is not needed: the sources have only types that can be taken
# off ("erasableSyntaxOnly" in tsconfig.json).
#
# esbuild is Debian's package, or the npm module of this folder.
set -eu

cd "$(dirname "$0")"
PATH=$PATH:$PWD/node_modules/.bin
command -v esbuild >/dev/null || {
	echo "esbuild is not there: apt-get install esbuild, or npm ci in web/" >&2
	exit 1
}
rm -rf dist
esbuild src/*.ts --outdir=dist --format=esm --target=es2022 --log-level=warning
cp -R src/vendor dist
touch dist/stamp
