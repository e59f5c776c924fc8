#!/usr/bin/env node
import { caregate } from './caregate.ts';

process.exitCode = await caregate(process.argv.slice(2));
