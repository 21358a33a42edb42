// The way of a request, on one screen in run order.
import type { LogLevel } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { NestFactory } from '@nestjs/core';
import { boundConnections } from '@norn/base/strangers';
import { Metric, count } from '@norn/telemetry';
import { json } from 'express';
import { tenantOf } from './access/principal.ts';
import { ApiModule, type ApiParts } from './api.module.ts';
import { compressedJson } from './http/compressed-json.ts';
import { limits } from './http/bounds.ts';
import { securityHeaders } from './http/headers.ts';
import { traceRequest } from './http/request-span.ts';
import { huntLimits } from './hunts/hunts.request.ts';

const nestOptions = { logger: ['error', 'warn'] as LogLevel[], bodyParser: false };

/** span → headers → compression → body limit → console files → (Nest: rate → access → parse → controller → problem filter). */
export async function createApp(parts: ApiParts): Promise<NestExpressApplication> {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its options as a class and takes a literal
  const app = await NestFactory.create<NestExpressApplication>(ApiModule.with(parts), nestOptions);
  const { publicUrl } = parts.config.settings;
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(traceRequest(tenantOf));
  app.use(securityHeaders(publicUrl.startsWith('https:')));
  app.use(compressedJson);
  // Rules are larger than anything else that is sent here; what is parsed once is not parsed again.
  app.use('/api/v1/rules/import', json({ limit: limits.ruleImportBytesMax }));
  app.use('/api/v1/policy', json({ limit: limits.policyBytesMax }));
  app.use('/api/v1/host-groups', json({ limit: limits.hostGroupBytesMax }));
  app.use('/api/v1/hunts', json({ limit: huntLimits.bodyBytesMax }));
  app.use(json({ limit: limits.bodyBytesMax }));
  app.use(parts.consoleFiles.serve);
  boundConnections(app.getHttpServer(), limits, () => {
    count(Metric.HttpConnectionsRefused, 1, { door: 'api' });
  });
  return app;
}
