// A whole installation as processes, each writing its spans: from a baldur's socket through tyr, gRPC and every stage to the API.
import { readFileSync, writeFileSync } from 'node:fs';
import { freePorts } from '@norn/embedded';
import { createToken } from '@norn/store';
import type { TraceLine } from '@norn/telemetry';
import { startClickHouse } from '@norn/testkit';
import { readingStages } from '../stages/stage-trial.ts';
import { FakeBaldur } from '../agent-link/fake-baldur.ts';
import { type PartProcess, startLink } from '../agent-link/link.ts';

const tenantId = 'default';
const stages = [...readingStages, 'api'] as const;
const traced = ['ingest', ...stages];

export type TracedInstallation = Awaited<ReturnType<typeof startTracedInstallation>>;

export async function startTracedInstallation() {
  const [link, clickhouse, [apiPort = 0]] = await Promise.all([startLink(), startClickHouse(), freePorts(1)]);
  const secretFile = (name: string, content: string): string => {
    writeFileSync(link.file(name), content, { mode: 0o600 });
    return link.file(name);
  };
  const url = `http://127.0.0.1:${apiPort}`;
  const environment = {
    NORN_LOG_LEVEL: 'warn',
    NORN_API_PORT: String(apiPort),
    NORN_PUBLIC_URL: url,
    NORN_CLICKHOUSE_URL: clickhouse.url,
    NORN_CLICKHOUSE_WRITER_PASSWORD_FILE: secretFile('writer.password', clickhouse.writerPassword),
    NORN_CLICKHOUSE_READER_PASSWORD_FILE: secretFile('reader.password', clickhouse.readerPassword),
  };
  const traceFileOf = (name: string): string => link.file(`spans-${name}.jsonl`);
  const parts: PartProcess[] = [];
  for (const name of stages) {
    parts.push(await link.startStage(name, { ...environment, NORN_TRACE_FILE: traceFileOf(name) }));
  }
  parts.push(await link.startIngest({ ...environment, NORN_TRACE_FILE: traceFileOf('ingest') }));
  parts.push(link.startTyr());
  const baldur = new FakeBaldur(link.socket);
  baldur.start();
  const spanText = (): string => traced.map((name) => readIfThere(traceFileOf(name))).join('');

  return {
    url,
    baldur,
    control: link.control,
    spanText,
    spans: (): TraceLine[] =>
      spanText()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as TraceLine),
    /** A bearer token of a person who may act, and a one-time login token. */
    tokens: async () => {
      const [person] = await link.control.query<{ id: string }[]>(
        `INSERT INTO users (tenant_id, name, role) VALUES ($1, 'responder-person', 'responder') RETURNING id`,
        [tenantId],
      );
      const token = (kind: 'api' | 'login'): Promise<string> =>
        createToken(link.control.manager, kind, { tenantId, userId: person?.id ?? '', ttlMs: 600_000 });
      return { bearer: await token('api'), login: await token('login') };
    },
    close: async (): Promise<void> => {
      baldur.close();
      await Promise.all(parts.map((part) => part.kill('SIGTERM')));
      await Promise.all([link.close(), clickhouse.stop()]);
    },
  };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // Nothing was traced there yet.
  }
}
