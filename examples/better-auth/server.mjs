// An application whose login is Better Auth (e-mail and password), in SQLite.
// There is nothing in it about notifications: Belfry reads its session table
// (belfry.conf beside this file), so who is signed in here has a stream, and who
// signs out has none.
//
//   APP_DATABASE=app.db BETTER_AUTH_SECRET=… PORT=3000 node server.mjs
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';

import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';

const port = Number(process.env.PORT ?? 3000);
const database = new DatabaseSync(process.env.APP_DATABASE ?? 'app.db');
// Belfry reads it while this writes.
database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 10000');

const options = {
	database,
	// The address that browsers know: the web server's, which passes /api/auth
	// on to this and /api/notifications to Belfry.
	baseURL: process.env.BETTER_AUTH_URL ?? `http://127.0.0.1:${port}`,
	emailAndPassword: { enabled: true },
	telemetry: { enabled: false },
};
await (await getMigrations(options)).runMigrations();

const server = createServer(toNodeHandler(betterAuth(options)));
server.listen(port, '127.0.0.1', () => {
	console.log(`ready http://127.0.0.1:${server.address().port}/`);
});
process.on('SIGTERM', () => process.exit());
