// The counts as Node's own runner prints them: scripts/run-tests reads these.

export default class Counts {
	onTestRunEnd(modules, errors) {
		const count = { passed: 0, failed: errors.length, skipped: 0 };

		for (const module of modules) {
			// One that could not even be loaded has no tests that failed.
			if (!module.ok() && [...module.children.allTests('failed')].length === 0)
				count.failed++;
			for (const test of module.children.allTests())
				count[test.result().state]++;
		}
		console.log(`ℹ pass ${count.passed}`);
		console.log(`ℹ fail ${count.failed}`);
		console.log(`ℹ skipped ${count.skipped}`);
	}
}
