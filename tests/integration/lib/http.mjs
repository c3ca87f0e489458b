// One HTTP request on a connection of its own, and its whole answer.

import http from 'node:http';

// target is a URL, or null where the options say it all (as those of http.request do).
export function ask(target, options, body) {
	return new Promise((resolve, reject) => {
		const request = http.request(...(target ? [target] : []), { ...options, agent: false });
		request.on('response', (response) => {
			const parts = [];
			response.on('data', (chunk) => parts.push(chunk));
			response.on('error', reject);
			response.on('end', () => {
				const text = Buffer.concat(parts).toString();
				const type = response.headers['content-type'] ?? '';
				resolve({
					status: response.statusCode,
					headers: response.headers,
					text,
					json: /\bjson\b/.test(type) && text ? JSON.parse(text) : null,
				});
			});
		});
		request.on('error', reject);
		request.end(body ?? undefined);
	});
}
