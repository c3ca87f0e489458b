#!/bin/sh
# A JavaScript number that is bound to a TEXT column of SQLite is stored as '42.0'.
#
# Seen 2026-12-01 with better-sqlite3 12.11.1 (SQLite 3.53.2) on Node.js 20.20.2.
#
# better-sqlite3 binds every JavaScript number as REAL, also a whole one.  SQLite's TEXT affinity
# turns the REAL 42.0 into the text '42.0'.  The program that wrote the row does not notice: its own
# query binds 42 as REAL too, and the comparison turns 42.0 into '42.0' once more.  Every other
# program that looks for '42' does not find the row.  A BigInt is bound as INTEGER and stored as
# '42'.  In a column without a declared type the number stays a REAL.
#
# Output seen:
#   number in TEXT: '42.0'
#   BigInt in TEXT: '42'
#   number in a column without a type: real
#   rows of '42', asked for by the text '42': 1
#   rows of '42', asked for by the number 42: 1
#   the number 42 finds: '42.0'
#
# What to do: write String(id), or bind a BigInt, where a column holds text.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"private":true}' >package.json
npm install --no-audit --no-fund --loglevel=error better-sqlite3@12.11.1 >&2

cat >try.cjs <<'END'
const db = new (require('better-sqlite3'))(':memory:');
db.exec('CREATE TABLE t(label TEXT, user_id TEXT, untyped)');
const insert = db.prepare('INSERT INTO t VALUES (?, ?, ?)');
insert.run('number', 42, 42);
insert.run('BigInt', 42n, 42n);

const stored = (label) => db.prepare('SELECT quote(user_id) FROM t WHERE label = ?').pluck().get(label);
const count = db.prepare('SELECT count(*) FROM t WHERE user_id = ?').pluck();
const found = db.prepare('SELECT quote(user_id) FROM t WHERE user_id = ?').pluck();
const type = db.prepare("SELECT typeof(untyped) FROM t WHERE label = 'number'").pluck();

console.log(`number in TEXT: ${stored('number')}`);
console.log(`BigInt in TEXT: ${stored('BigInt')}`);
console.log(`number in a column without a type: ${type.get()}`);
console.log(`rows of '42', asked for by the text '42': ${count.get('42')}`);
console.log(`rows of '42', asked for by the number 42: ${count.get(42)}`);
console.log(`the number 42 finds: ${found.get(42)}`);
END
node try.cjs | tee seen

cat >expected <<'END'
number in TEXT: '42.0'
BigInt in TEXT: '42'
number in a column without a type: real
rows of '42', asked for by the text '42': 1
rows of '42', asked for by the number 42: 1
the number 42 finds: '42.0'
END
diff expected seen && echo 'as described'
