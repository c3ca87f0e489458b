// Logs a user in to Belfry: the cookie has the secret, the table its hash.
//
//   node session.mjs /var/lib/belfry/belfry.db alice     (prints the secret)
import { createHash, randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

const [file, user] = process.argv.slice(2); // whom your login has just let in
const db = new DatabaseSync(file);
db.exec('PRAGMA busy_timeout = 10000');
const secret = `bfs_${randomBytes(32).toString('base64url')}`;
const hash = createHash('sha256').update(secret).digest('hex');
db.prepare(
	'INSERT INTO sessions(secret_sha256, user_id, expires_at) VALUES (?, ?, ?)',
).run(hash, user, Date.now() + 86_400_000);
console.log(secret); // Set-Cookie: __Host-belfry_session=…; Path=/; Secure; HttpOnly
// To log out: DELETE FROM sessions WHERE secret_sha256 = ?  (ends the streams)
