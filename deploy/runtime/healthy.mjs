// Whether what runs in a container is of use, for its health check: `healthy.mjs` asks a stage's /healthz, `healthy.mjs store` whether a store is ready.
import { existsSync } from 'node:fs';

const timeoutMs = 2_000;

async function stageIsHealthy() {
  const url = `http://127.0.0.1:${process.env.NORN_HEALTH_PORT ?? 7407}/healthz`;
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined);
  const { services = {} } = (await response?.json()) ?? {};
  return response?.ok && Object.keys(services).length > 0;
}

const isHealthy = process.argv[2] === 'store' ? existsSync('/tmp/norn-store.ready') : await stageIsHealthy();
process.exit(isHealthy ? 0 : 1);
