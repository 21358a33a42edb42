// Asks the API. What it refuses comes back as a Problem with the API's own code and sentence.
import { linesOf } from '@norn/base/lines-of';

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** For a person, of whatever was caught. */
export function sentenceOf(error: unknown): string {
  return error instanceof Problem ? error.message : 'The console could not ask for it.';
}

export async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return ask<Answer>(path, signal === undefined ? {} : { signal });
}

export async function post<Answer>(path: string, body?: object, signal?: AbortSignal): Promise<Answer> {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
  return ask<Answer>(path, { method: 'POST', ...json, ...(signal === undefined ? {} : { signal }) });
}

export async function put<Answer>(path: string, body: object): Promise<Answer> {
  return ask<Answer>(path, {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  });
}

export async function remove<Answer>(path: string): Promise<Answer> {
  return ask<Answer>(path, { method: 'DELETE' });
}

/** Of an answer that comes bit by bit: each line's JSON. */
export async function* steps<Step>(path: string, body: object, signal: AbortSignal): AsyncGenerator<Step> {
  const headers = { 'Content-Type': 'application/json' };
  const response = await send(path, { method: 'POST', body: JSON.stringify(body), headers, signal });
  for await (const line of linesOf(response)) yield JSON.parse(line) as Step;
}

interface Asked extends RequestInit {
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask<Answer>(path: string, init: Asked): Promise<Answer> {
  const response = await send(path, init);
  return (response.status === 204 ? undefined : await response.json()) as Answer;
}

/** Throws a Problem for what the API refuses. */
async function send(path: string, init: Asked): Promise<Response> {
  const response = await fetch(`/api/v1${path}`, {
    ...init,
    headers: { ...init.headers, Accept: 'application/json' },
  }).catch((error: unknown) => {
    if (init.signal?.aborted === true) throw error;
    throw new Problem(0, 'unreachable', 'The API does not answer. Is Norn running? `./norn status` tells.');
  });
  if (response.ok) return response;
  const { code = 'unknown', message = response.statusText } = (await response.json().catch(() => ({}))) as {
    code?: string;
    message?: string;
  };
  throw new Problem(response.status, code, message);
}
