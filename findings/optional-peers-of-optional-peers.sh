#!/bin/sh
# npm 9 and 10 refuse to install a package because of optional peers that nobody asked for.
#
# Seen 2026-12-01 with npm 10.9.9 and 11.21.2, @tanstack/vue-query 5.104.0, Node.js 20.20.2.
#
# `peerDependenciesMeta` with `optional: true` reads like "not installed, not looked at".  npm 10 does
# not install an optional peer, but puts it into the tree that it computes, with the peers of that
# peer.  The package below names two optional peers, vue 3.5 and @tanstack/vue-query.  The latter has
# an optional peer of its own, @vue/composition-api, which wants vue below 2.7.  npm 10 takes vue 2.6
# for that one, finds it in conflict with vue 3.5, and ends with ERESOLVE, in an empty project where
# nobody uses Vue.  Each of the two peers alone can be installed.  npm 11.21.2 installs the package.
#
# Output seen:
#   npm 10.9.9, both optional peers: ERESOLVE, about vue@2.6.14
#   npm 10.9.9, vue alone: installed
#   npm 10.9.9, vue-query alone: installed
#   npm 11.21.2, both optional peers: installed
#
# What to do: try `npm install` of the packed package in an empty folder with each npm that users
# have; leave an optional peer out where its own peers can be in conflict with another one.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir npm
echo '{"private":true}' >npm/package.json
(cd npm && npm install --no-audit --no-fund --loglevel=error \
	npm10@npm:npm@10.9.9 npm11@npm:npm@11.21.2 >&2)

vue='"vue": ">=3.5"'
query='"@tanstack/vue-query": "5.104.0"'
optional='{"vue": {"optional": true}, "@tanstack/vue-query": {"optional": true}}'

# attempt TEXT NPM PEERS: installs a package with these peers into an empty project.
attempt()
{
	rm -rf kit project
	mkdir kit project
	echo "{\"name\": \"kit\", \"version\": \"1.0.0\", \"peerDependencies\": {$3}," \
		"\"peerDependenciesMeta\": $optional}" >kit/package.json
	(cd kit && npm pack --silent >/dev/null)
	echo '{"private":true}' >project/package.json
	if (cd project && node "../npm/node_modules/$2/bin/npm-cli.js" install \
		--no-audit --no-fund ../kit/kit-1.0.0.tgz >../log 2>&1); then
		echo "$1: installed"
	else
		echo "$1: $(sed -n 's/.*code //p' log)," \
			"about $(sed -n 's/.*Found: //p' log)"
	fi
}

{
	attempt 'npm 10.9.9, both optional peers' npm10 "$vue, $query"
	attempt 'npm 10.9.9, vue alone' npm10 "$vue"
	attempt 'npm 10.9.9, vue-query alone' npm10 "$query"
	attempt 'npm 11.21.2, both optional peers' npm11 "$vue, $query"
} | tee seen

cat >expected <<'END'
npm 10.9.9, both optional peers: ERESOLVE, about vue@2.6.14
npm 10.9.9, vue alone: installed
npm 10.9.9, vue-query alone: installed
npm 11.21.2, both optional peers: installed
END
diff expected seen && echo 'as described'
