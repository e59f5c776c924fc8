import { type AppDefinition, guardOperations, serveDocs } from '@caregate/service';
import { AccessGate } from './access/access-gate.service.ts';
import { AppModule } from './app.module.ts';
import { settings } from './config.ts';

export const gatekeeperSync: AppDefinition<typeof settings.shape> = {
  name: 'gatekeeper-sync',
  schema: settings,
  module: (config) => AppModule.forRoot(config),
  configure: (app) => {
    const gate = app.get(AccessGate);
    serveDocs(app, ['gatekeeper']);
    guardOperations(app, (request, operation) => gate.admit(request, operation));
  },
};
