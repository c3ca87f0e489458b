// What axe-core finds wrong on a page: [rule, the first element].

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { ROOT } from '../../integration/lib/harness.mjs';

const AXE = fs.readFileSync(
	path.join(ROOT, 'web/node_modules/axe-core/axe.min.js'), 'utf8',
);

export async function axe(page) {
	await page.evaluate(AXE);
	const { violations, passes } = await page.evaluate(() =>
		window.axe.run(document, {
			runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa',
				'best-practice'],
		}));
	assert.ok(passes.some(({ id }) => id === 'color-contrast'), 'it has looked');
	return violations.map(({ id, nodes }) => [
		id, nodes[0].html, nodes[0].failureSummary,
	]);
}
