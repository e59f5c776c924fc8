import { Body, Controller, Get, Module, Post, Req, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type AppDefinition, aside, commonSettings, startApp, whileWanted } from '../src/index.ts';

/** What the small app was asked, and what has become of it. */
export class Happenings {
  begun = 0;
  ended = 0;
  unwanted = 0;
  private readonly held: (() => void)[] = [];

  hold(): Promise<void> {
    return new Promise((resolve) => this.held.push(resolve));
  }

  letGo(): void {
    for (const resolve of this.held.splice(0)) resolve();
  }
}

/** An app without a database: `/held` is answered when the test says so, so is `/aside`, without a place; `/quick` at once. */
export async function startSmallApp(
  env: NodeJS.ProcessEnv = {},
  configure: (app: NestFastifyApplication) => void = () => {},
) {
  const happenings = new Happenings();

  @Controller()
  class SmallController {
    @Get('held')
    async held(@Res({ passthrough: true }) reply: FastifyReply) {
      happenings.begun += 1;
      whileWanted(reply).addEventListener('abort', () => (happenings.unwanted += 1));
      await happenings.hold();
      happenings.ended += 1;
      return { held: true };
    }

    @Get('aside')
    async aside(@Req() request: FastifyRequest) {
      return aside(request, async () => {
        happenings.begun += 1;
        await happenings.hold();
        return { aside: true };
      });
    }

    @Get('quick')
    quick() {
      happenings.begun += 1;
      return { quick: true };
    }

    @Get('large')
    large() {
      return { text: 'x'.repeat(32 * 1024 * 1024) };
    }

    @Post('echo')
    echo(@Body() body: unknown) {
      happenings.begun += 1;
      return { body };
    }
  }

  @Module({ controllers: [SmallController] })
  class SmallModule {}

  const definition: AppDefinition<typeof commonSettings> = {
    name: 'small',
    schema: z.object(commonSettings),
    module: () => SmallModule,
    configure,
  };
  const { app, url } = await startApp(definition, {
    MONGODB_URI: 'mongodb://127.0.0.1:1/none',
    LOG_LEVEL: 'fatal',
    ...env,
  });
  return { app, url, happenings };
}
