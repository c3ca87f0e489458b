// Small pure helpers between data and what is shown.

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const UNITS = [
	['year', 365 * 86400],
	['month', 30 * 86400],
	['week', 7 * 86400],
	['day', 86400],
	['hour', 3600],
	['minute', 60],
];

// "2 hours ago"; seconds are not worth a text that changes all the time.
export function relativeTime(iso, now) {
	const seconds = (Date.parse(iso) - now) / 1000;

	for (const [unit, length] of UNITS)
		if (Math.abs(seconds) >= length)
			return RELATIVE.format(Math.trunc(seconds / length), unit);
	return 'just now';
}

// A notification's link as a URL that may be clicked, or null: whoever may write
// a row must not be able to have a script run here.
export function safeLink(link, base) {
	try {
		const url = new URL(link, base);
		return /^https?:$/.test(url.protocol) ? url : null;
	} catch {
		return null;
	}
}

const sqlText = (value) => `'${value.replaceAll("'", "''")}'`;
const shellWord = (value) => `'${value.replaceAll("'", "'\\''")}'`;
// Inside "…", where a reader of the command expects the SQL.
const shellQuoted = (value) => `"${value.replace(/[\\"$`]/g, '\\$&')}"`;

// The command that writes one notification with nothing but sqlite3.
export function insertCommand(database, user, title) {
	const path = /^[\w./-]+$/.test(database) ? database : shellWord(database);
	const sql =
		'INSERT INTO notifications(user_id, title) ' +
		`VALUES (${sqlText(user)}, ${sqlText(title)})`;
	return `sqlite3 ${path} ${shellQuoted(sql)}`;
}
