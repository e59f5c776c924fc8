import { runApp } from '@caregate/service';
import { clinicWorker } from './app.ts';

await runApp(clinicWorker);
