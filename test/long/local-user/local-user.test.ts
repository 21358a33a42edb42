// A whole installation, and a user of its machine without rights: every port, socket and file that it has is found and tried. None may be reached.
// @norn-strict
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type TopicName, topics } from '@norn/bus';
import { toolchainFolder } from '@norn/embedded';
import { createAuthority } from '@norn/embedded/certificates';
import pg from 'pg';
import { startInstallation, type Installation } from '../../e2e/installation.ts';
import { listeningPorts, unixSockets } from '../../stores/doors.ts';

jest.setTimeout(1_200_000);

const portBase = 7840;
const nobody = '65534';
/** What anybody may have, by name: that a part lives, figures without a tenant, and the console's page, which asks to sign in. */
const allowed: readonly { readonly what: RegExp; readonly got: RegExp }[] = [
  { what: /^http \d+ plain: (GET|HEAD) \/healthz$/, got: /^HTTP\/1.1 200 OK [\da-f]*\s*\{"healthy":true,/ },
  { what: /^http \d+ plain: GET \/metrics$/, got: /norn_/ },
  { what: /^http \d+ plain: GET \/(ping)?$/, got: /^HTTP\/1.1 200 OK [\da-f\s]*Ok\.[0\s]*$/ },
];

interface Reached {
  readonly what: string;
  readonly got: string;
}

interface Report {
  readonly uid: number;
  readonly tried: number;
  readonly reached: readonly Reached[];
  readonly commandLines: readonly string[];
}

let norn: Installation;
/** What the user runs from: others may read it. */
let scratch: string;

beforeAll(async () => {
  norn = await startInstallation(portBase, 'withoutAgent');
  scratch = mkdtempSync('/tmp/norn-local-user-');
  chmodSync(scratch, 0o755);
  cpSync(fileURLToPath(new URL('probe.mjs', import.meta.url)), join(scratch, 'probe.mjs'));
  const kafkajs = dirname(createRequire(import.meta.url).resolve('kafkajs/package.json'));
  cpSync(kafkajs, join(scratch, 'node_modules/kafkajs'), { recursive: true });
  cpSync(process.execPath, join(scratch, 'node'));
});
afterAll(async () => {
  await norn.stop();
  rmSync(scratch, { recursive: true, force: true });
});

interface PartState {
  readonly process?: { readonly pid: number };
}

/** The supervisor, its parts, and theirs. */
function processesOf(home: string): number[] {
  const state = JSON.parse(readFileSync(join(home, 'run/installation.json'), 'utf8')) as {
    supervisor: { pid: number };
    parts: PartState[];
  };
  const known = [state.supervisor.pid, ...state.parts.map(({ process: one }) => one?.pid ?? 0)];
  const parentOf = new Map(allProcesses().map((pid) => [pid, parent(pid)]));
  const belongs = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (known.includes(pid) || belongs(parentOf.get(pid)));
  return [...parentOf.keys()].filter(belongs);
}

function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function parent(pid: number): number | undefined {
  try {
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')[1],
    );
  } catch {
    return undefined; // Ended since it was listed.
  }
}

function below(folder: string): { files: string[]; folders: string[] } {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const path = ({ parentPath, name }: { parentPath: string; name: string }): string => join(parentPath, name);
  return {
    files: entries.filter((entry) => !entry.isDirectory()).map(path),
    folders: [folder, ...entries.filter((entry) => entry.isDirectory()).map(path)],
  };
}

/** Files outside of home that a process has open where everybody may come. */
function openElsewhere(pids: readonly number[]): string[] {
  const links = pids.flatMap((pid) =>
    ['fd', 'map_files'].flatMap((kind) =>
      readdirSync(`/proc/${pid}/${kind}`).map((name) => linkOf(`/proc/${pid}/${kind}/${name}`)),
    ),
  );
  return [...new Set(links)].filter((path) => /^\/(tmp|run|var\/run|dev\/shm)\//.test(path));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // Closed since it was listed.
  }
}

async function roles(home: string): Promise<string[]> {
  const password = readFileSync(join(home, 'secrets/postgres.password'), 'utf8').trim();
  const client = new pg.Client({
    host: join(home, 'postgres'),
    port: portBase + 6,
    user: 'norn',
    password,
    database: 'norn',
  });
  await client.connect();
  const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolcanlogin');
  await client.end();
  return [...new Set([...rows.map(({ rolname }) => rolname), 'norn', 'postgres', 'root', 'nobody'])];
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { description?: string }>>>>;
}

/** Every route of the API, by its own description, without a token and with a made-up one; and what engines and brokers answer by HTTP. */
async function requests(url: string): Promise<object[]> {
  const { paths } = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as Description;
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { description = '' }]) => !description.startsWith('Needs no session'))
      .map(([method]) => ({ method: method.toUpperCase(), path: path.replace(/\{\w+\}/g, 'x') })),
  );
  expect(routes.length).toBeGreaterThan(30);
  const asked = ['', '&user=default', '&user=norn_writer', '&user=norn_reader', '&user=default&password='];
  const engine = asked.map((more) => ({ method: 'GET', path: `/?query=SELECT%201${more}` }));
  const session = { method: 'GET', path: '/?query=SELECT%201', headers: ['X-ClickHouse-User: default'] };
  const basic = { ...session, headers: [`Authorization: Basic ${Buffer.from('default:').toString('base64')}`] };
  const plain = ['/', '/ping', '/healthz', '/metrics'].map((path) => ({ method: 'GET', path }));
  const forged = routes.map((route) => ({ ...route, headers: ['Authorization: Bearer made-up'] }));
  return [...routes, ...forged, ...engine, session, basic, ...plain];
}

const written: readonly TopicName[] = ['alerts', 'commands', 'raw'];
const calls = ['EnrolmentService/Enrol', 'AgentService/Connect', 'AgentService/Renew'];

async function everythingOf(home: string): Promise<object> {
  const pids = processesOf(home);
  const { files, folders } = below(home);
  const toolchain = readdirSync(toolchainFolder()).map((name) => join(toolchainFolder(), name));
  const authority = await createAuthority('Norn bus');
  const madeUp = await authority.issue({ name: 'norn-prepare', names: [], purposes: ['client'] });
  const ports = listeningPorts(pids);
  // API, ingest, enrolment, health, broker, controller, engine; the database has a socket alone.
  expect(ports.length).toBeGreaterThanOrEqual(7);
  const sockets = [...unixSockets(pids), ...files.filter((path) => statSync(path).isSocket())];
  expect(sockets).toContainEqual(expect.stringMatching(/\.s\.PGSQL\.\d+$/));
  return {
    pids,
    ports,
    sockets,
    files: [...files.filter((path) => statSync(path).isFile()), ...openElsewhere(pids)],
    folders,
    code: [
      toolchainFolder(),
      ...toolchain.flatMap((path) => (statSync(path).isDirectory() ? below(path).folders : [])),
    ],
    topics: written.map((name) => topics[name]),
    roles: await roles(home),
    databases: ['norn', 'postgres', 'template1'],
    requests: await requests(norn.url),
    calls: calls.map((call) => `/norn.agent.v1.${call}`),
    madeUp: { key: madeUp.keyPem, cert: madeUp.certificatePem },
  };
}

async function probe(command: string, args: readonly string[], targets: object): Promise<Report> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(targets));
  return JSON.parse(await text(child.stdout)) as Report;
}

const isAllowed = ({ what, got }: Reached): boolean =>
  allowed.some((one) => one.what.test(what) && one.got.test(got)) || isConsole({ what, got });

/** What answers any path with its page does so for nobody else either. */
function isConsole({ what, got }: Reached): boolean {
  return what.startsWith(`http ${portBase} plain: GET /`) && /^HTTP\/1.1 200 OK[^<]*<!doctype html>/.test(got);
}

function expectNothing(report: Report, home: string): void {
  expect(report.reached.filter((one) => !isAllowed(one))).toEqual([]);
  // Those that are allowed answered: the way of trying works.
  expect(report.reached.length).toBeGreaterThan(0);
  const secrets = readdirSync(join(home, 'secrets')).map((name) =>
    readFileSync(join(home, 'secrets', name), 'utf8').trim(),
  );
  expect(secrets.filter((secret) => report.commandLines.some((line) => line.includes(secret)))).toEqual([]);
}

it('a user without rights reaches nothing', async () => {
  const targets = await everythingOf(norn.home);
  const rights = ['--reuid', nobody, '--regid', nobody, '--clear-groups', '--bounding-set=-all', '--inh-caps=-all'];
  const run = [...rights, '--no-new-privs', join(scratch, 'node'), join(scratch, 'probe.mjs')];
  const report = await probe('setpriv', run, targets);
  expect(report.uid).toBe(Number(nobody));
  expect(report.tried).toBeGreaterThan(1_000);
  expect(report.commandLines.length).toBeGreaterThan(4);
  expectNothing(report, norn.home);
  process.stdout.write(`as nobody: ${report.tried} tried\n`);
});

it('what is tried is reached by who may: root', async () => {
  const report = await probe(process.execPath, [join(scratch, 'probe.mjs')], await everythingOf(norn.home));
  const kinds = new Set(report.reached.map(({ what }) => what.split(' ')[0]));
  expect([...kinds]).toEqual(expect.arrayContaining(['read', 'write', 'list', 'make', 'change', 'signal']));
  execFileSync('find', [norn.home, '-name', '.local-user', '-delete']);
});
