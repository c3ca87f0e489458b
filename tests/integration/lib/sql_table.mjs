// Runs tables of statements: what is there before, the statement, and the events
// that it must write, with recursive_triggers off and on.
//
//   [what, before, statement, events, { error, check, found }]
//
//   error   part of the only message; without it there must be none
//   check   a query, and `found`, the rows that it must give afterwards

import assert from 'node:assert/strict';
import os from 'node:os';
import { after, describe, test } from 'node:test';

import { Workshop, written } from './sqlite.mjs';

export function runTable(table) {
	const workshop = new Workshop();
	after(() => workshop.close());
	const concurrency = os.availableParallelism();
	for (const [name, entries] of Object.entries(table))
		for (const recursive of [false, true])
			describe(
				`${name}, recursive_triggers ${recursive ? 'on' : 'off'}`,
				{ concurrency },
				() => {
					for (const entry of entries)
						runEntry(workshop, entry, recursive);
				},
			);
}

function runEntry(workshop, entry, recursive) {
	const [what, before, statement, events, expected = {}] = entry;
	test(what, async () => {
		const file = await workshop.database(before);
		const result = await written(file, statement, {
			recursive,
			check: expected.check,
		});
		if (expected.error) {
			assert.equal(result.errors.length, 1, result.errors.join('\n'));
			assert.ok(
				result.errors[0].includes(expected.error),
				`${result.errors[0]}: expected "${expected.error}"`,
			);
		} else {
			assert.deepEqual(result.errors, []);
		}
		assert.deepEqual(result.events, events);
		if (expected.check) assert.deepEqual(result.found, expected.found);
	});
}
