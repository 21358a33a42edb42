// Asks the API. What it refuses comes back as a Problem with the API's own code and sentence.
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
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

async function ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(`/api/v1${path}`, {
    ...init,
    headers: { ...init.headers, Accept: 'application/json' },
  }).catch((error: unknown) => {
    if (init.signal?.aborted === true) throw error;
    throw new Problem(0, 'unreachable', 'The API does not answer. Is Norn running? `./norn status` tells.');
  });
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as Answer;
  const { code = 'unknown', message = response.statusText } = (await response.json().catch(() => ({}))) as {
    code?: string;
    message?: string;
  };
  throw new Problem(response.status, code, message);
}
