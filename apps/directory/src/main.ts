import { runApp } from '@caregate/service';
import { directory } from './app.ts';

await runApp(directory);
