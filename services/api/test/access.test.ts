// What the API makes of requests that no page of its own sent, of wrong secrets in numbers, and of sessions that end.
import { once } from 'node:events';
import { connect } from 'node:net';
import { AuditEntry } from '@norn/store';
import { limits } from '../src/http/bounds.ts';
import { type ApiTrial, startApiTrial } from './api-trial.ts';
import { seedTenant } from './seeds/index.ts';

describe('access to the API', () => {
  let trial: ApiTrial;
  beforeAll(async () => {
    trial = await startApiTrial();
    await seedTenant(trial, 'default');
  });
  afterAll(() => trial.close());

  type Headers = Readonly<Record<string, string>>;

  const post = (path: string, headers: Headers, body: object = {}): Promise<Response> =>
    fetch(`${trial.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  const login = (token: string, headers: Headers = { origin: trial.url }): Promise<Response> =>
    post('/api/v1/login', headers, { token });

  async function signIn(): Promise<string> {
    const response = await login(await trial.loginToken());
    return (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  }

  const answerOf = async (response: Response): Promise<[number, string]> => {
    const text = await response.text();
    return [response.status, text === '' ? '' : (JSON.parse(text) as { code: string }).code];
  };

  const elsewhere: readonly Headers[] = [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'null', 'sec-fetch-site': 'same-origin' },
    { origin: 'https://evil.example' },
  ];

  it('is not given by a link that no page of the console posts, and the link stays good', async () => {
    const token = await trial.loginToken();
    for (const headers of elsewhere)
      expect([headers, await answerOf(await login(token, headers))]).toEqual([headers, [403, 'origin_foreign']]);
    expect((await login(token, { 'sec-fetch-site': 'same-origin' })).status).toBe(204);
  });

  it('is not given by asking for a page that is none, whose answer repeats nothing of what was asked', async () => {
    const token = await trial.loginToken();
    const response = await fetch(`${trial.url}/api/v1/login?token=${token}`);
    const text = await response.text();
    expect([response.status, text]).toEqual([404, expect.stringContaining('"not_found"')]);
    expect(text).not.toContain(token);
  });

  it('is not had for a change by the cookie alone, and for reading it is', async () => {
    const cookie = await signIn();
    for (const headers of elsewhere) {
      const answer = await answerOf(await post('/api/v1/join-tokens', { cookie, ...headers }));
      expect([headers, answer]).toEqual([headers, [403, 'origin_foreign']]);
    }
    for (const headers of [{ origin: trial.url }, { 'sec-fetch-site': 'same-origin' }])
      expect((await post('/api/v1/join-tokens', { cookie, ...headers })).status).toBe(201);
    expect((await fetch(`${trial.url}/api/v1/session`, { headers: { cookie } })).status).toBe(200);
  });

  it('is had by a bearer token wherever it comes from', async () => {
    const authorization = `Bearer ${await trial.tokenOf('admin')}`;
    for (const headers of elsewhere)
      expect((await post('/api/v1/join-tokens', { authorization, ...headers })).status).toBe(201);
  });

  it('is a failure of the database, and says so, when that has no room', async () => {
    const { manager } = trial.control;
    const authorization = `Bearer ${await trial.tokenOf('admin')}`;
    await manager.query(`
      CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
      END $$;
      CREATE TRIGGER no_room BEFORE INSERT ON access_tokens FOR EACH ROW EXECUTE FUNCTION no_room()`);
    const response = await post('/api/v1/join-tokens', { authorization });
    const body = (await response.json()) as object;
    await manager.query('DROP FUNCTION no_room CASCADE');
    expect([response.status, body]).toEqual([
      503,
      { code: 'control_store_unavailable', message: expect.stringContaining('has no room') as string },
    ]);
  });

  it('to the stream of changes ends with the session, before other streams hear their next word', async () => {
    const cookie = await signIn();
    const streams = new AbortController();
    const open = async (headers: Headers): Promise<Response> => {
      const response = await fetch(`${trial.url}/api/v1/stream`, { headers, signal: streams.signal });
      expect(response.status).toBe(200);
      return response;
    };
    const others = (await open({ authorization: `Bearer ${await trial.tokenOf('viewer')}` })).body?.getReader();
    expect(Buffer.from((await others?.read())?.value ?? []).toString()).toContain(': connected');
    const own = await open({ cookie });
    const nextWord = others?.read().then(() => 'others', String);
    expect((await post('/api/v1/logout', { cookie, origin: trial.url })).status).toBe(204);
    expect(await Promise.race([own.text().then(() => 'own'), nextWord])).toBe('own');
    streams.abort();
    await nextWord;
  });

  it('to the stream of changes goes on however many leave before they are known', async () => {
    const authorization = `Bearer ${await trial.tokenOf('viewer')}`;
    const url = new URL('/api/v1/stream', trial.url);
    const leave = async (): Promise<void> => {
      const asked = connect(Number(url.port), url.hostname);
      await once(asked, 'connect');
      asked.write(`GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: ${authorization}\r\n\r\n`);
      asked.destroy();
    };
    for (let i = 0; i < limits.streamsPerTenantMax + 10; i++) await leave();
    // Behind all of them.
    await fetch(`${trial.url}/api/v1/status`, { headers: { authorization } });
    const stays = new AbortController();
    expect((await fetch(url, { headers: { authorization }, signal: stays.signal })).status).toBe(200);
    stays.abort();
  });

  const trail = async (action: string): Promise<object[]> => {
    const rows = await trial.control.manager.find(AuditEntry, { where: { action }, order: { at: 'ASC' } });
    return rows.map(({ tenantId, actor, details }) => ({ tenantId, actor, ...details }));
  };

  it('that was refused is in the trail: logins of another page, bearer tokens that are none, and how many', async () => {
    const evil = { origin: 'https://evil.example' };
    for (let i = 0; i < 2; i++) await login(await trial.loginToken(), evil);
    for (let i = 0; i < 4; i++) await login('x'.repeat(40), evil);
    for (let i = 0; i < 3; i++)
      await fetch(`${trial.url}/api/v1/status`, { headers: { authorization: `Bearer ${'y'.repeat(40)}` } });
    const stranger = { tenantId: '', actor: 'nobody', reason: 'origin', origin: evil.origin };
    const token = { tenantId: '', actor: 'nobody', from: expect.any(String) as string };
    expect(await trail('login.refused')).toMatchObject([{ tenantId: 'default', reason: 'origin' }, stranger]);
    expect(await trail('token.refused')).toEqual([token]);
    await trial.stop();
    expect(await trail('login.refused')).toContainEqual(expect.objectContaining({ ...stranger, times: 3 }));
    expect(await trail('token.refused')).toEqual([token, { ...token, times: 2 }]);
  });
});
