// Whether what runs in a container is of use, for its health check: `healthy.mjs` asks /healthz, `healthy.mjs PORT` whether something listens.
import { connect } from 'node:net';

const timeoutMs = 2_000;
const port = process.argv[2];
if (port === undefined) {
  const url = `http://127.0.0.1:${process.env.NORN_HEALTH_PORT ?? 7407}/healthz`;
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined);
  const { services = {} } = (await response?.json()) ?? {};
  process.exit(response?.ok && Object.keys(services).length > 0 ? 0 : 1);
}
const socket = connect(Number(port), '127.0.0.1').setTimeout(timeoutMs);
socket.once('connect', () => process.exit(0));
for (const event of ['error', 'timeout']) socket.once(event, () => process.exit(1));
