#!/usr/bin/env node
import { caregate } from './caregate.ts';

// Whoever reads the output may stop reading, as `head` does.
process.stdout.on('error', () => process.exit());

process.exitCode = await caregate(process.argv.slice(2));
