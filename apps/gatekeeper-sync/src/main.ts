import { runApp } from '@caregate/service';
import { gatekeeperSync } from './app.ts';

await runApp(gatekeeperSync);
