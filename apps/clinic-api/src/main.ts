import { runApp } from '@caregate/service';
import { clinicApi } from './app.ts';

await runApp(clinicApi);
