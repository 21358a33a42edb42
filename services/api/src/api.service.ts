// Starts the API in a process, alone or beside the other stages.
import 'reflect-metadata';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { NornError, messageOf } from '@norn/base';
import { type Environment, loadConfig } from '@norn/config';
import type { RunningService, Service } from '@norn/stage';
import { openControlStore } from '@norn/store';
import { ClickHouseTelemetry } from './model/clickhouse-telemetry.ts';
import { ConsoleFiles } from './http/console-files.ts';
import { PostgresChanges } from './stream/postgres-changes.ts';
import { ApiConfig, apiConfig } from './api.config.ts';
import { createApp } from './api.pipeline.ts';
import { ApiHealth } from './status/api-health.ts';

/** Requests in hand get at most this long when the API closes. */
const closeGraceMs = 3_000;

export interface RunningApi extends RunningService {
  readonly app: NestExpressApplication;
}

export async function startApi(environment: Environment): Promise<RunningApi> {
  const settings = loadConfig(apiConfig, environment);
  const database = await openControlStore(settings);
  const changes = new PostgresChanges(settings);
  await changes.open();
  const telemetry = new ClickHouseTelemetry(settings);
  const consoleFiles = new ConsoleFiles(settings.consoleDir);
  const app = await createApp({ config: new ApiConfig(settings), database, telemetry, changes, consoleFiles });
  await listen(() => app.listen(settings.apiPort, settings.host), settings);
  return {
    app,
    name: 'api',
    health: () => app.get(ApiHealth).report(),
    close: async () => {
      const server = app.getHttpServer() as { closeAllConnections(): void };
      const cut = setTimeout(() => {
        server.closeAllConnections();
      }, closeGraceMs);
      await changes.close();
      await app.close();
      clearTimeout(cut);
      await telemetry.close();
      await database.destroy();
    },
  };
}

async function listen(
  open: () => Promise<unknown>,
  { host, apiPort }: { host: string; apiPort: number },
): Promise<void> {
  try {
    await open();
  } catch (error) {
    throw new NornError(
      'port_taken',
      `The API can not listen on ${host}:${apiPort} (${messageOf(error)}): free the port or move NORN_API_PORT`,
      {
        cause: error,
      },
    );
  }
}

export const api: Service = { name: 'api', start: startApi };
