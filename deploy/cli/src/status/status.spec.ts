import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBusSecrets, processIdentity } from '@norn/embedded';
import type { Installation, Ports } from '../installation/installation.ts';
import { writeRunState, type PartState, type RunState } from '../installation/run-state.ts';
import { askParts, partProblems, supervisorProblems } from './ask-parts.ts';
import { alertsText, countByState } from './command.ts';
import { roomProblems } from './room.ts';
import { whyDown } from '../installation/why-down.ts';

const self = processIdentity(process.pid)!;
const nobody = { pid: 2 ** 30, startTime: '1' };
const part = (name: string, lives = true): PartState => ({
  name,
  process: lives ? self : undefined,
  restarts: 0,
  lastEnd: '',
});

let home: string;
let servers: Server[];
let installation: Installation;

const listen = async (server: Server): Promise<number> => {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

/** As a halted process: the kernel takes the connection, nobody answers. */
const silentServer = (): Server => createServer(() => undefined);

const useInstallation = (ports: Partial<Ports>): void => {
  installation = { home, ports: ports as Ports, path: (...parts) => join(home, ...parts) };
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'norn-status-'));
  servers = [];
  useInstallation({});
});

afterEach(() => {
  for (const server of servers) server.close();
  rmSync(home, { recursive: true, force: true });
});

describe('the parts of an installation', () => {
  it('are told apart: who answers, who is ill, who keeps silent, who is away', async () => {
    mkdirSync(join(home, 'secrets'));
    await makeBusSecrets(join(home, 'secrets'), { identities: ['prepare'] });
    writeFileSync(join(home, 'secrets', 'postgres.password'), 'secret');
    mkdirSync(join(home, 'postgres'));
    const postgres = silentServer();
    servers.push(postgres);
    await new Promise<void>((resolve) => postgres.listen(join(home, 'postgres', '.s.PGSQL.5'), resolve));
    const ill = JSON.stringify({ healthy: false, services: { storage: { healthy: false, details: { lag: 7 } } } });
    const health = await listen(createHttp((_, response) => response.writeHead(503).end(ill)));
    useInstallation({
      kafka: await listen(silentServer()),
      clickhouse: await listen(createHttp((_, response) => response.end('Ok.\n'))),
      postgres: 5,
      health,
    });
    const names = ['kafka', 'clickhouse', 'postgres', 'stages'];
    const failed = { ...part('storage', false), failure: 'No room left (disk_full)' };
    const parts = await askParts(installation, [...names.map((name) => part(name)), part('tyr', false), failed]);
    expect(parts.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'kafka silent',
      'clickhouse answers',
      'postgres silent',
      'stages ill',
      'tyr away',
      'storage away',
    ]);
    expect(partProblems(parts, new Date())).toEqual([
      'kafka does not answer (no answer in 3 s)',
      'postgres does not answer (no answer in 3 s)',
      'stages is not well: storage says {"lag":7}',
      'tyr does not run',
      'storage does not run: No room left (disk_full)',
    ]);
  });

  it('are not well when they refused records, of which topic and why', async () => {
    const unproven = (labels: string, number: number): string => `norn_bus_records_unproven_total{${labels}} ${number}`;
    let metrics = 'norn_bus_lag{group="a"} 3\n';
    const healthy = JSON.stringify({ healthy: true, services: {} });
    const health = await listen(
      createHttp(({ url }, response) => response.end(url === '/metrics' ? metrics : healthy)),
    );
    useInstallation({ health });
    expect(partProblems(await askParts(installation, [part('stages')]), new Date())).toEqual([]);
    metrics += [
      unproven('topic="raw",reason="record_unsigned"', 5005),
      unproven('topic="alerts",reason="record_unsigned"', 2),
      `${unproven('otel_scope_name="norn",reason="sender_mismatch",topic="alerts"', 1)} 1796041759110`,
      '',
    ].join('\n');
    const refused = '5005 of raw (record_unsigned), 2 of alerts (record_unsigned), 1 of alerts (sender_mismatch)';
    expect(partProblems(await askParts(installation, [part('stages')]), new Date())).toEqual([
      `stages is not well: it refused records, made up or damaged: ${refused}; its log says where`,
    ]);
  });

  it('that were started again are told of for minutes, not for days', () => {
    const kafka = { name: 'kafka', state: 'answers', detail: '', restarts: 3 } as const;
    const lastEnd = '2026-11-30T10:00:00.000Z ended with SIGKILL';
    const at = (time: string): string[] => partProblems([{ ...kafka, lastEnd }], new Date(time));
    expect(at('2026-11-30T10:00:12.000Z')).toEqual(['kafka restarted 3 times, last ended with SIGKILL 12 s ago']);
    expect(at('2026-11-30T11:00:00.000Z')).toEqual([]);
  });
});

describe('the supervisor', () => {
  const kernelStateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2]!;

  it('is named while its process is stopped, and only then', async () => {
    const program = spawn('sleep', ['600']);
    await once(program, 'spawn');
    try {
      const identity = processIdentity(program.pid!)!;
      expect(supervisorProblems(identity)).toEqual([]);
      program.kill('SIGSTOP');
      while (kernelStateOf(identity.pid) !== 'T') await sleep(5);
      expect(supervisorProblems(identity)).toEqual([
        `the supervisor: its process is stopped; dead parts are not started again; kill -CONT ${identity.pid}`,
      ]);
      program.kill('SIGCONT');
      while (kernelStateOf(identity.pid) === 'T') await sleep(5);
      expect(supervisorProblems(identity)).toEqual([]);
    } finally {
      program.kill('SIGKILL');
    }
  });
});

describe('alerts', () => {
  it('that are not over are counted by state', () => {
    const alerts = ['responding', 'failed', 'responding'].map((state) => ({ state }));
    expect(alertsText(countByState(alerts as never))).toBe('2 responding, 1 failed');
    expect(alertsText(countByState([]))).toBe('none open');
  });
});

describe('an installation that is down', () => {
  const logs = (line: string): void => {
    mkdirSync(join(home, 'logs'), { recursive: true });
    mkdirSync(join(home, 'run'), { recursive: true });
    appendFileSync(join(home, 'logs', 'supervisor.log'), `${line}\n`);
  };
  const left = (phase: RunState['phase'], message: string): void => {
    writeRunState(installation, { supervisor: nobody, phase, message, portBase: 7400, separate: false, parts: [] });
  };

  it('was never started, stopped, did not start, or lost its supervisor: it says which', () => {
    expect(whyDown(installation).why).toMatch(/never started/);
    logs('Stopped');
    expect(whyDown(installation)).toMatchObject({ why: expect.stringMatching(/was stopped at/), log: ['Stopped'] });
    left('failed', 'port taken');
    expect(whyDown(installation).why).toMatch(/did not start \(port taken\)/);
    left('ready', 'Ready');
    expect(whyDown(installation).why).toMatch(/supervisor \(pid 1073741824\) ended unasked/);
  });
});

describe('a file system without room', () => {
  it('is named with what is left; one with room is not', () => {
    expect(roomProblems(installation, 0)).toEqual([]);
    expect(roomProblems(installation, Infinity)).toEqual([expect.stringMatching(/mounted on .* left: free some/)]);
  });
});
