// Tells a user something, in the transaction of whatever it is about.
//
//   node notify.mjs /var/lib/belfry/belfry.db alice "Build finished"
//
// Node 22.13 or newer; before, the package better-sqlite3 has the same calls.
import { DatabaseSync } from 'node:sqlite';

const [file, user, title] = process.argv.slice(2);
const db = new DatabaseSync(file);
db.exec('PRAGMA busy_timeout = 10000'); // milliseconds, for another writer

db.exec('BEGIN IMMEDIATE');
// … your own INSERT or UPDATE: both are there then, or neither is
const { lastInsertRowid } = db
	.prepare('INSERT INTO notifications(user_id, type, title, data) VALUES (?, ?, ?, ?)')
	.run(user, 'build', title, JSON.stringify({ build: 1482 }));
db.exec('COMMIT');
console.log(String(lastInsertRowid));
