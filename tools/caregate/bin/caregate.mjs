#!/usr/bin/env node
import { createRequire } from 'node:module';
import { requireNode } from '../../build/require-node.mjs';

const { engines, version } = createRequire(import.meta.url)('../../../package.json');
requireNode('caregate', engines.node.replace('>=', ''));
if (process.argv[2] === '--version') process.stdout.write(`caregate ${version}\n`);
else await import('../src/main.ts');
