import { acceptForms, type AppDefinition, guardOperations, serveDocs } from '@caregate/service';
import { AppModule } from './app.module.ts';
import { settings } from './config.ts';
import { admit } from './operators.ts';
import { serveUnshardedApi } from './unsharded/unsharded-api.ts';

export const directory: AppDefinition<typeof settings.shape> = {
  name: 'directory',
  schema: settings,
  module: (config) => AppModule.forRoot(config),
  configure: (app, config) => {
    acceptForms(app, '/sign-up');
    serveUnshardedApi(app, config);
    serveDocs(app, ['directory']);
    guardOperations(app, (request, operation) => admit(request, operation, config));
  },
};
