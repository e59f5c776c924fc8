import {
  acceptForms,
  allowOrigins,
  type AppDefinition,
  guardOperations,
  serveDocs,
  tellWhenWritten,
} from '@caregate/service';
import { CONFIRMATION_ROUTE } from './accounts/confirmation.controller.ts';
import { AppModule } from './app.module.ts';
import { recordRefusals } from './audit/audit.interceptor.ts';
import { settings } from './config.ts';
import { Gate } from './gate/gate.service.ts';

export const clinicApi: AppDefinition<typeof settings.shape> = {
  name: 'clinic-api',
  schema: settings,
  module: (config) => AppModule.forRoot(config),
  configure: async (app, config) => {
    const gate = app.get(Gate);
    await allowOrigins(app, config.CORS_ORIGINS);
    acceptForms(app, CONFIRMATION_ROUTE);
    serveDocs(app, ['clinic', 'account']);
    guardOperations(app, (request, operation, reply) => gate.admit(request, operation, reply));
    recordRefusals(app);
    tellWhenWritten(app);
  },
};
