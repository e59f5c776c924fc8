#!/usr/bin/env node
import { createRequire } from 'node:module';
import { requireNode } from '@caregate/build/require-node';

const { engines, version } = createRequire(import.meta.url)('../../../package.json');
requireNode('caregate', engines.node.replace('>=', ''));
if (process.argv[2] === '--version') process.stdout.write(`caregate ${version}\n`);
else await import('../src/main.ts');
