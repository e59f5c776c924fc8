// What is run as main.js of each app. bundle-app.mjs puts in the app's name, its version and the oldest Node.js that package.json names.
/* global APP, OLDEST_NODE, VERSION */
import { requireNode } from './require-node.mjs';

requireNode(APP, OLDEST_NODE);
if (process.argv.includes('--version')) process.stdout.write(`${APP} ${VERSION}\n`);
else await import('./app.js');
