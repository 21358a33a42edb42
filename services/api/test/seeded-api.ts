// The API with alerts of two tenants, and how the tests of it ask.
import { setTimeout as sleep } from 'node:timers/promises';
import type { view } from '@norn/contracts';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedHost, seedRansomware, seedReverseShell, seedTenant, seedWiper } from './seeds/index.ts';

/** A message of view/v1 as its JSON is: every field present. */
export type Shown<T> = T extends readonly (infer Item)[]
  ? Shown<Item>[]
  : T extends object
    ? { [Key in Exclude<keyof T, '$typeName' | '$unknown'>]-?: Shown<NonNullable<T[Key]>> }
    : T;
export type Detail = Shown<view.AlertDetail>;
export type List = Shown<view.AlertList>;
export type Problem = Shown<view.ErrorView>;

interface Operation {
  requestBody?: { content: Record<string, { schema: { properties?: object } }> };
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { properties: Record<string, object> }> };
}

export interface Answer<Body> {
  status: number;
  body: Body;
  headers: Headers;
}

export interface SeededApi {
  readonly trial: ApiTrial;
  /** Alerts of the tenant `default`, by what they are about. */
  readonly alerts: Readonly<Record<'ransomware' | 'reverseShell' | 'wiper', string>>;
  /** An alert of the tenant `other`. */
  readonly foreign: string;
  readonly tokens: Readonly<Record<'viewer' | 'analyst' | 'responder' | 'admin', string>>;
  /** As a viewer, unless told. */
  readonly ask: <Body = Problem>(path: string, init?: Asked) => Promise<Answer<Body>>;
  readonly post: <Body = Problem>(path: string, token: string) => Promise<Answer<Body>>;
  /** Without a token. */
  readonly nobody: (path: string, init?: RequestInit) => Promise<Response>;
  /** An alert once what its processes did is put together: what a person waits for. */
  readonly whole: (id: string, token?: string) => Promise<Detail>;
}

type Asked = Omit<RequestInit, 'headers'> & { token?: string | undefined; headers?: Record<string, string> };

export async function startSeededApi(): Promise<SeededApi> {
  const trial = await startApiTrial();
  await seedTenant(trial, 'default');
  await seedTenant(trial, 'other');
  const home = await seedHost(trial, 'default', { name: 'node-3' });
  const elsewhere = await seedHost(trial, 'other', { name: 'node-9' });
  const wiper = await seedWiper(trial, home);
  const ransomware = await seedRansomware(trial, home);
  const reverseShell = await seedReverseShell(trial, home);
  const foreign = await seedRansomware(trial, elsewhere);
  const tokens = {
    viewer: await trial.tokenOf('viewer'),
    analyst: await trial.tokenOf('analyst'),
    responder: await trial.tokenOf('responder'),
    admin: await trial.tokenOf('admin'),
  };

  const nobody = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${trial.url}${path}`, { redirect: 'manual', ...init });

  async function ask<Body = Problem>(path: string, init: Asked = {}): Promise<Answer<Body>> {
    const { token = tokens.viewer, ...rest } = init;
    const response = await nobody(path, { ...rest, headers: { authorization: `Bearer ${token}`, ...rest.headers } });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, body: (json ? JSON.parse(text) : text) as Body, headers: response.headers };
  }

  async function whole(id: string, token = tokens.viewer): Promise<Detail> {
    for (let tries = 0; tries < 600; tries += 1) {
      // Its hosts are heard, however long the tests take.
      await trial.control.query('UPDATE hosts SET last_seen_at = now()');
      const { body } = await ask<Detail>(`/api/v1/alerts/${id}`, { token });
      if (!body.telemetryPending && body.processes.length > 0) return body;
      await sleep(100);
    }
    throw new Error(`The processes of alert ${id} never came`);
  }

  const post = <Body = Problem>(path: string, token: string): Promise<Answer<Body>> =>
    ask<Body>(path, { method: 'POST', token });
  return { trial, alerts: { ransomware, reverseShell, wiper }, foreign, tokens, ask, post, nobody, whole };
}
