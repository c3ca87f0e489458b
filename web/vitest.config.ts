import { defineConfig } from 'vitest/config';

export default defineConfig({
	test: {
		include: ['test/**/*.test.{js,ts,tsx}'],
		// Clocks are moved by hand; what hangs is to be told apart from slow.
		testTimeout: 60000,
	},
});
