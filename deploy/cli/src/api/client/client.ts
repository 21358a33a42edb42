// Talks to the API with the token that `up` made.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, NornError } from '@norn/base';
import { linesOf } from '@norn/base/lines-of';
import { readJoined } from '../../installation/joined-host.ts';
import { findInstallation } from '../../installation/installation.ts';
import { assertReadable } from '../../installation/why-down.ts';
import { assertOwnApi } from './own-api.ts';

/** Longer than the longest answer takes: a hunt through all of history. */
const longestCallMs = 65_000;

export interface ApiClient {
  readonly url: string;
  /** Throws NornError with the API's own code and sentence. */
  get<Answer>(path: string): Promise<Answer>;
  post<Answer>(path: string, body?: object): Promise<Answer>;
  delete<Answer>(path: string): Promise<Answer>;
  put<Answer>(path: string, body: object): Promise<Answer>;
  /** Lines of the live stream, until it ends or `signal` aborts it. */
  lines(path: string, signal: AbortSignal): AsyncIterable<string>;
  /** Of an answer that comes bit by bit: each line's JSON. */
  steps<Step>(path: string, body: object): AsyncIterable<Step>;
}

/**
 * Throws `not_installed` when this NORN_HOME has no token, `unreachable` when nothing answers, `port_taken` when it is not Norn that does: then the
 * token is not told, `not_permitted` when this user may not read it.
 */
export async function connectApi(timeoutMs = longestCallMs): Promise<ApiClient> {
  const installation = findInstallation();
  const url = `http://127.0.0.1:${installation.ports.api}`;
  assertReadable(installation);
  const token = await readToken(installation.home);
  // Of the same one that is asked.
  assertOwnApi(installation);
  const call = async <Answer>(method: string, path: string, body?: object): Promise<Answer> => {
    const response = await request(`${url}/api/v1${path}`, { method, token, body, timeoutMs });
    return (await response.json()) as Answer;
  };
  return {
    url,
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body ?? {}),
    delete: (path) => call('DELETE', path),
    put: (path, body) => call('PUT', path, body),
    lines: async function* (path, signal) {
      const response = await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` }, signal });
      yield* linesOf(response);
    },
    steps: async function* <Step>(path: string, body: object) {
      const response = await request(`${url}/api/v1${path}`, { method: 'POST', token, body, timeoutMs });
      for await (const line of linesOf(response)) yield JSON.parse(line) as Step;
    },
  };
}

/** Of `norn up`, or of `norn up --compose`: both have the same ports, so one of them runs. */
async function readToken(home: string): Promise<string> {
  const file = join(home, 'secrets', 'api.token');
  const ofCompose = join(home, 'compose', 'secrets', 'api.token');
  try {
    return (await readFile(existsSync(file) ? file : ofCompose, 'utf8')).trim();
  } catch (error) {
    const joined = readJoined(findInstallation());
    const cure = joined
      ? `this machine is a host of the installation at ${joined.ingest}: ask there`
      : 'start Norn with ./norn up, or set NORN_HOME';
    throw new NornError('not_installed', `No token in ${file}: ${cure}`, { cause: error });
  }
}

interface Call {
  readonly method: string;
  readonly token: string;
  readonly body: object | undefined;
  readonly timeoutMs: number;
}

async function request(url: string, { method, token, body, timeoutMs }: Call): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init: RequestInit = { method, headers, signal: AbortSignal.timeout(timeoutMs) };
  if (body) init.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    throw new NornError('unreachable', `Nothing answers at ${url} (${messageOf(error)}): is it up? ./norn up`, {
      cause: error,
    });
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { code?: string; message?: string };
  throw new NornError(
    problem.code ?? `http_${String(response.status)}`,
    problem.message ?? `${method} ${url} was refused`,
  );
}
