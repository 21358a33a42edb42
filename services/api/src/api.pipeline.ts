// The way of a request, on one screen in run order.
import type { NestExpressApplication } from '@nestjs/platform-express';
import { NestFactory } from '@nestjs/core';
import { json } from 'express';
import { ApiModule, type ApiParts } from './api.module.ts';
import { limits } from './http/bounds.ts';
import { securityHeaders } from './http/headers.ts';

/** headers → body limit → console files → (Nest: rate → access → parse → controller → problem filter). */
export async function createApp(parts: ApiParts): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(ApiModule.with(parts), {
    logger: ['error', 'warn'],
    bodyParser: false,
  });
  const { publicUrl } = parts.config.settings;
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(securityHeaders(publicUrl.startsWith('https:')));
  app.use(json({ limit: limits.bodyBytesMax }));
  app.use(parts.consoleFiles.serve);
  return app;
}
