import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { UnsupportedMediaType } from '@caregate/service';
import { AccountsModule } from '../accounts/accounts.module.ts';
import { SignUpController } from './sign-up.controller.ts';

@Module({ imports: [AccountsModule], controllers: [SignUpController] })
export class SignUpModule {}

/** Takes the body of a form, as text, for the page alone; the API knows JSON only. */
export function acceptForms(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 16 * 1024 },
      (request, body, done) => {
        if (request.routeOptions.url === '/sign-up') done(null, body);
        else done(new UnsupportedMediaType('request body has an error: send it as application/json'));
      },
    );
}
