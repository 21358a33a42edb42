// /healthz and /metrics of a process: what runs in it, how each part is, what it measured.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError, messageOf } from '@norn/base';
import { boundConnections } from '@norn/base/strangers';
import { Metric, count, metricsText } from '@norn/telemetry';
import type { HealthReport, RunningService } from './service.ts';

export interface HealthServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Asked at every request, so services may come and go. */
  readonly services: () => readonly RunningService[];
}

const bounds = { strangersMax: 64, connectionsMax: 256, requestMs: 5_000, quietMs: 10_000 } as const;
/** Less than whoever asks waits for all of them. */
const partAnswersMs = 2_000;

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function serveHealth(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', options.services(), response);
  });
  boundConnections(server, bounds, () => {
    count(Metric.HttpConnectionsRefused, 1, { door: 'health' });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const cure = 'stop what listens there or set NORN_HEALTH_PORT to a free port';
      reject(new NornError('port_taken', `Port ${options.port}: ${messageOf(error)}; ${cure}`, { cause: error }));
    });
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function answer(url: string, services: readonly RunningService[], response: ServerResponse): Promise<void> {
  try {
    if (url === '/metrics') send(response, 200, 'text/plain; version=0.0.4', await metricsText());
    else if (url === '/healthz') await sendHealth(services, response);
    else send(response, 404, 'text/plain', 'Only /healthz and /metrics are here\n');
  } catch (error) {
    send(response, 500, 'text/plain', `${messageOf(error)}\n`);
  }
}

async function sendHealth(services: readonly RunningService[], response: ServerResponse): Promise<void> {
  const reports = await Promise.all(services.map(async (service) => [service.name, await reportOf(service)] as const));
  const healthy = reports.every(([, report]) => report.healthy);
  const body = JSON.stringify({ healthy, services: Object.fromEntries(reports) });
  send(response, healthy ? 200 : 503, 'application/json', body);
}

async function reportOf(service: RunningService): Promise<HealthReport> {
  const late = sleep(
    partAnswersMs,
    { healthy: false, details: { error: `no answer in ${partAnswersMs / 1_000} s` } },
    { ref: false },
  );
  try {
    return await Promise.race([service.health(), late]);
  } catch (error) {
    return { healthy: false, details: { error: messageOf(error) } };
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}
