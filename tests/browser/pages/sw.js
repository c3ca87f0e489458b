import { serveNotifications } from './kit/service-worker.js';

serveNotifications();
addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
