// Does a store answer? Each is asked what it can only answer when it works, over a connection of its own, and given up after a deadline.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { NornError } from '@norn/base';
import pg from 'pg';
import { busIdentity } from './kafka/bus-secrets.ts';

/** ApiVersions, version 0, correlation 0, no client's name: the shortest request that a broker's own threads answer (KIP-35). */
const apiVersionsRequest = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

export interface AskedKafka {
  readonly port: number;
  /** Folder of the installation's secrets. */
  readonly secrets: string;
  /** Whose certificate is shown. */
  readonly identity: string;
}

export function askKafka({ port, secrets, identity }: AskedKafka, deadlineMs: number): Promise<void> {
  const { keyFile, certificateFile, authorityFile } = busIdentity(secrets, identity);
  const socket = connect({
    host: '127.0.0.1',
    port,
    key: readFileSync(keyFile),
    cert: readFileSync(certificateFile),
    ca: readFileSync(authorityFile),
  });
  return answerOf(socket, deadlineMs).finally(() => socket.destroy());
}

function answerOf(socket: TLSSocket, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(silent(deadlineMs));
    }, deadlineMs);
    socket.once('secureConnect', () => socket.write(apiVersionsRequest));
    socket.once('data', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.on('error', (error: Error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('close', () => {
      clearTimeout(timer);
      reject(new NornError('store_silent', 'hung up'));
    });
  });
}

export async function askClickHouse(port: number, deadlineMs: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/ping`, { signal: AbortSignal.timeout(deadlineMs) });
  await response.text();
  if (!response.ok) throw new NornError('store_silent', `answered ${response.status}`);
}

export async function askPostgres(home: string, port: number, deadlineMs: number): Promise<void> {
  const password = readFileSync(join(home, 'secrets', 'postgres.password'), 'utf8').trim();
  const client = new pg.Client({ host: join(home, 'postgres'), port, user: 'norn', password, database: 'norn' });
  client.on('error', () => undefined); // Who waits for the answer is told of it.
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(silent(deadlineMs));
    }, deadlineMs);
  });
  const answer = client.connect().then(() => client.query('SELECT 1'));
  answer.catch(() => undefined); // After the deadline nobody waits any more.
  try {
    await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
    // The polite end waits for a server that does not answer.
    client.connection.stream.destroy();
  }
}

function silent(deadlineMs: number): NornError {
  return new NornError('store_silent', `no answer in ${deadlineMs / 1000} s`);
}
