// The command that writes a notification with nothing but sqlite3.

const sqlText = (value) => `'${value.replaceAll("'", "''")}'`;
const shellWord = (value) => `'${value.replaceAll("'", "'\\''")}'`;
// Inside "…", where a reader of the command expects the SQL.
const shellQuoted = (value) => `"${value.replace(/[\\"$`]/g, '\\$&')}"`;

// `fields`: [column, value] pairs; a value is a text or a whole number.
export function insertCommand(database, fields) {
	const path = /^[\w./-]+$/.test(database) ? database : shellWord(database);
	const columns = fields.map(([column]) => column).join(', ');
	const values = fields
		.map(([, value]) => (typeof value === 'number' ? value : sqlText(value)))
		.join(', ');
	const sql = `INSERT INTO notifications(${columns}) VALUES (${values})`;

	return `sqlite3 ${path} ${shellQuoted(sql)}`;
}
