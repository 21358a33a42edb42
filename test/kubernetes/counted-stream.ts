// Events that can be counted: a pod starts numbered programs until it is told that it is enough.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { event } from '@norn/contracts';
import type { Cluster } from './cluster/cluster.ts';
import { homeOf, namespace } from './installation.ts';
import type { Victim } from './pod-stage.ts';

const run = promisify(execFile);
const program = '/bin/true';
const pauseUs = 20_000;
const enough = '/tmp/enough';
const clickhousePort = 7980;
const pollMs = 1_000;
const pollsMax = 180;

export interface Stored {
  /** Starts that were stored, and how many different numbers they had. */
  readonly starts: number;
  readonly numbers: number;
}

export interface CountedStream {
  /** Ends it; how many there were. */
  end(): Promise<number>;
}

export async function startCountedStream(cluster: Cluster, { namespace: where, pod }: Victim): Promise<CountedStream> {
  await cluster.forward(namespace, 'norn-clickhouse', { from: clickhousePort, to: 8443 });
  const exec = ['-n', where, 'exec', pod, '--', '/bin/sh', '-c'];
  const loop = `i=0; while [ ! -e ${enough} ]; do i=$((i+1)); ${program} counted-$i; usleep ${pauseUs}; done; echo $i`;
  const counted = cluster.kubectl(...exec, loop);
  // It is awaited when it has been told to end; until then nobody listens to its failure.
  counted.catch(() => undefined);
  return {
    end: async () => {
      await cluster.kubectl(...exec, `touch ${enough}`);
      return Number(await counted);
    },
  };
}

/** As ClickHouse has them once `expected` numbers are there, or no more come. */
export async function storedOf(cluster: Cluster, expected: number): Promise<Stored> {
  for (let attempt = 0; ; attempt++) {
    const stored = await askClickHouse(cluster);
    if (stored.numbers >= expected || attempt === pollsMax) return stored;
    await sleep(pollMs);
  }
}

// By curl: the certificate is of an authority that this process does not trust.
async function askClickHouse(cluster: Cluster): Promise<Stored> {
  const secrets = join(homeOf(cluster), 'secrets');
  const counted = `SELECT process_uid, any(command_line) AS line FROM processes FINAL
    WHERE startsWith(command_line, '${program} counted-') GROUP BY process_uid`;
  const query = `SELECT count() AS starts, uniqExact(line) AS numbers FROM
    (SELECT process_uid FROM events WHERE kind = ${event.EventKind.EXEC} AND endsWith(path, '${program}')) AS started
    INNER JOIN (${counted}) AS counted USING process_uid FORMAT JSONEachRow`;
  const password = readFileSync(join(secrets, 'clickhouse-reader.password'), 'utf8').trim();
  const { stdout } = await run('curl', [
    ...['--silent', '--show-error', '--fail-with-body', '--cacert', join(secrets, 'stores.cert.pem')],
    ...['--cert', join(secrets, 'api.cert.pem'), '--key', join(secrets, 'api.key.pem')],
    ...['--user', `norn_reader:${password}`, '--header', 'X-Norn-Tenant: default'],
    ...[
      '--data-binary',
      query,
      `https://localhost:${clickhousePort}/?database=norn&output_format_json_quote_64bit_integers=0`,
    ],
  ]);
  return JSON.parse(stdout) as Stored;
}
