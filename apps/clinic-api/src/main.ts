import 'reflect-metadata';
import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { isShardId } from '@caregate/shard';

@Injectable()
class S { hi() { return { x: isShardId('au1') }; } }
@Controller()
class C { constructor(private readonly s: S) {} @Get('ready') ready() { return this.s.hi(); } }
@Module({ controllers: [C], providers: [S] })
class AppModule {}
const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter());
await app.listen(18999, '127.0.0.1');
