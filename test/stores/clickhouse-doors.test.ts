// The engine's own session is a user without a password: every way to come as that user, or as one of ours without the password.
// @norn-strict
import { connect } from 'node:net';
import { startClickHouse, type TestClickHouse } from '@norn/testkit';
import { listeningPorts } from './doors.ts';

let engine: TestClickHouse;
beforeAll(async () => {
  engine = await startClickHouse();
});
afterAll(() => engine.stop());

/** As it goes over the wire: fetch would mend names, order and doubled headers. */
function ask(target: string, headers: readonly string[] = [], body = ''): Promise<string> {
  const { port } = new URL(engine.url);
  const method = body === '' ? 'GET' : 'POST';
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    ...headers,
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ];
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1');
    socket
      .on('data', (chunk) => (answer += chunk.toString()))
      .once('error', reject)
      .once('close', () => {
        resolve(answer);
      });
    socket.write(lines.join('\r\n'));
  });
}

const basic = (user: string, password: string): string =>
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const who = 'SELECT concat(currentUser(), char(33))';
const asked = `query=${encodeURIComponent(who)}`;

describe('the engine', () => {
  it('answers our users with their passwords, by either kind of header', async () => {
    const writer = engine.writerPassword;
    expect(await ask('/?database=norn', [basic('norn_writer', writer)], who)).toContain('norn_writer!');
    expect(await ask(`/?${asked}&query_id=a-1&param_x=5`, [basic('norn_writer', writer)])).toContain('norn_writer!');
    const headers = ['X-ClickHouse-User: norn_reader', `X-ClickHouse-Key: ${engine.readerPassword}`];
    expect(await ask(`/?${asked}`, headers)).toContain('norn_reader!');
  });

  it.each([
    'File(TSVRaw)',
    "File('TSVRaw', '/etc/hostname')",
    "URL('http://127.0.0.1:1/', 'TSV')",
    "Executable('x', 'TSV')",
    'Log',
  ])('lets nobody make a table that is %s', async (engineOf) => {
    const table = `CREATE TABLE norn.other (line String) ENGINE = ${engineOf}`;
    const answer = await ask('/?database=norn', [basic('norn_writer', engine.writerPassword)], table);
    expect(answer).toMatch(/ACCESS_DENIED|Not enough privileges/);
  });

  it.each(['/play', '/dashboard', '/binary', '/merges', '/js/uplot.js', '/replicas_status', '/metrics'])(
    'has no page at %s',
    async (page) => {
      expect(await ask(page)).toMatch(/^HTTP\/1.1 404/);
    },
  );

  it('says to everybody that it lives', async () => {
    expect(await ask('/ping')).toMatch(/^HTTP\/1.1 200[^]*Ok\./);
  });

  const ours = basic('norn_writer', '');
  const session = basic('default', '');
  it.each<[string, string, string[]]>([
    ['who says no name', `/?${asked}`, []],
    ['the session by parameter', `/?user=default&${asked}`, []],
    ['the session by Basic', `/?${asked}`, [session]],
    ['the session by header', `/?${asked}`, ['X-ClickHouse-User: default']],
    ['our name without a password', `/?${asked}`, [ours]],
    ['our name by parameter without a password', `/?user=norn_writer&${asked}`, []],
    ['our name by header without a password', `/?${asked}`, ['X-ClickHouse-User: norn_writer']],
    ['our name with the session behind it', `/?user=default&password=&${asked}`, [ours]],
    ['the session at the end', `/?${asked}&user=default`, [ours]],
    ['the session in capitals', `/?USER=default&${asked}`, [ours]],
    ['the session in mixed letters', `/?uSEr=default&${asked}`, [ours]],
    ['the session in percent', `/?%75ser=default&${asked}`, [ours]],
    ['the session with more sessions asked for', `/?max_sessions_for_user=9&user=default&${asked}`, []],
    ['the session with a session of HTTP', `/?session_id=mine&user=default&${asked}`, [session]],
    ['the session with a role', `/?role=norn_writer&user=default&${asked}`, []],
    ['the session as somebody else forwards it', `/?${asked}`, ['X-Forwarded-For: 10.0.0.1', session]],
    ['the session with our header before it', `/?${asked}`, ['X-ClickHouse-User: norn_writer', session]],
    ['two names, ours first', `/?${asked}`, ['X-ClickHouse-User: norn_writer', 'X-ClickHouse-User: default']],
    ['two names, ours last', `/?${asked}`, ['X-ClickHouse-User: default', 'X-ClickHouse-User: norn_writer']],
    ['two credentials, ours first', `/?${asked}`, [ours, session]],
    ['two credentials, ours last', `/?${asked}`, [session, ours]],
    ['a header and a parameter', `/?user=default&${asked}`, ['X-ClickHouse-User: norn_writer']],
  ])('does not answer %s', async (_, target, headers) => {
    const answer = await ask(target, headers);
    expect(answer).toMatch(/^HTTP\/1\.1 (?!200)/);
    expect(answer).toMatch(/AUTHENTICATION_FAILED|USER_SESSION_LIMIT_EXCEEDED|REQUIRED_PASSWORD/);
  });

  it('does not answer a form that names the session', async () => {
    const form = 'Content-Type: application/x-www-form-urlencoded';
    for (const headers of [[form, ours], [form]])
      expect(await ask('/', headers, `user=default&${asked}`)).toMatch(/^HTTP\/1\.1 (?!200)/);
  });

  it('listens on nothing but HTTP', () => {
    expect(listeningPorts([engine.pid])).toEqual([Number(new URL(engine.url).port)]);
  });
});
