// What the store loads when it first speaks to the server.

export { createLink } from './link.js';
export { reduce } from './model.js';
export { createRequest } from './rest.js';
