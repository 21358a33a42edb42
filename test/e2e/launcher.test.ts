// What `./norn up` and `./norn down` promise of themselves: idempotent, side by side, healed, and nothing left behind.
import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const launcher = fileURLToPath(new URL('../../norn', import.meta.url));

interface PartState {
  name: string;
  restarts: number;
  process?: { pid: number };
}

class Home {
  readonly path = mkdtempSync('/var/tmp/norn-launcher-');

  constructor(readonly portBase: number) {}

  norn(...args: string[]): Promise<{ code: number; text: string }> {
    return this.run(args, { NORN_PORT_BASE: String(this.portBase) });
  }

  run(args: readonly string[], ports: { NORN_PORT_BASE?: string }): Promise<{ code: number; text: string }> {
    const env: NodeJS.ProcessEnv = { ...process.env, NORN_HOME: this.path };
    delete env['NORN_PORT_BASE'];
    Object.assign(env, ports);
    return new Promise((resolve) => {
      execFile(launcher, args, { env }, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 1) : 0, text: stdout + stderr });
      });
    });
  }

  parts(): PartState[] {
    const state = readFileSync(join(this.path, 'run/installation.json'), 'utf8');
    return (JSON.parse(state) as { parts: PartState[] }).parts;
  }

  /** Processes that name this home in their command line or environment. */
  processes(): string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter((pid) => said(pid, 'cmdline').includes(this.path) || said(pid, 'environ').includes(this.path));
  }

  async remove(): Promise<void> {
    await this.norn('down');
    rmSync(this.path, { recursive: true, force: true });
  }
}

function said(pid: string, what: 'cmdline' | 'environ' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return '';
  }
}

jest.setTimeout(600_000);

it('has npm leave no compiled code in the folder for temporary files, where others could put theirs first', () => {
  const folder = mkdtempSync('/var/tmp/norn-launcher-');
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  for (const name of ['norn', '.nvmrc']) copyFileSync(join(dirname(launcher), name), join(folder, name));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'empty', version: '1.0.0' }));
  const lock = {
    name: 'empty',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'empty', version: '1.0.0' } },
  };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const { stderr } = spawnSync(join(folder, 'norn'), ['--help'], { env: { ...process.env, TMPDIR: temporary } });
  expect(stderr.toString()).toContain('Installing npm packages');
  expect(readdirSync(temporary)).toEqual([]);
  rmSync(folder, { recursive: true });
});

describe('the launcher', () => {
  const one = new Home(7720);
  const two = new Home(7740);
  afterAll(() => Promise.all([one.remove(), two.remove()]));

  it('starts two installations side by side', async () => {
    const started = [await one.norn('up', '-d', '--no-agent'), await two.norn('up', '-d', '--no-agent', '--separate')];
    for (const { code, text } of started) expect({ code, text }).toMatchObject({ code: 0 });
    expect(started[0]?.text).toMatch(/Ready in .* of memory[\s\S]*http:\/\/127\.0\.0\.1:7720\/login#token=/);
    expect(one.parts().map(({ name }) => name)).toEqual(['kafka', 'clickhouse', 'postgres', 'stages']);
    expect(two.parts().map(({ name }) => name)).toContain('process-tree');
  });

  it('leaves its parts, but for the agent, rights over files and ports alone, for good', () => {
    const pids = [...one.parts(), ...two.parts()].map((part) => String(part.process?.pid));
    expect(pids.length).toBeGreaterThan(8);
    // CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, NET_BIND_SERVICE.
    for (const pid of pids) expect(said(pid, 'status')).toMatch(/CapBnd:\t0{13}40f\n(.*\n)*NoNewPrivs:\t1\n/);
  });

  it('is found by its folder, without its ports being named again', async () => {
    const { code, text } = await one.run(['status'], {});
    expect(text).toContain('http://127.0.0.1:7720');
    expect([code, (await one.run(['hosts'], {})).code]).toEqual([0, 0]);
  });

  it('says the same again when it runs already', async () => {
    const before = one.parts();
    const { code, text } = await one.norn('up', '-d', '--no-agent');
    expect(code).toBe(0);
    expect(text).toMatch(/Already running[\s\S]*login#token=/);
    expect(one.parts()).toEqual(before);
  });

  it('names the port that is taken, by whom, and the way out', async () => {
    const three = new Home(7720);
    const { code, text } = await three.norn('up', '-d', '--no-agent');
    expect(code).toBe(1);
    expect(text).toMatch(/Port 7720 .* is taken by \S+ \(pid \d+\).*NORN_PORT_BASE/);
    await three.remove();
  });

  it('heals every part that is killed', async () => {
    for (const { process: victim } of one.parts()) if (victim) process.kill(victim.pid, 'SIGKILL');
    const healed = (): boolean => one.parts().every((part) => part.restarts > 0 && part.process !== undefined);
    while (!healed()) await sleep(200);
    const health = await fetch('http://127.0.0.1:7727/healthz');
    expect(await health.json()).toMatchObject({ services: { api: { healthy: true } } });
  });

  it('lets nobody in by a link that was used', async () => {
    const { text } = await one.norn('login');
    const { origin, hash } = new URL(text.trim());
    const token = new URLSearchParams(hash.slice(1)).get('token');
    const follow = (): Promise<Response> =>
      fetch(`${origin}/api/v1/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin },
        body: JSON.stringify({ token }),
      });
    const first = await follow();
    expect(first.headers.get('set-cookie')).toMatch(/norn_session=.*HttpOnly/i);
    expect((await follow()).headers.get('set-cookie')).toBeNull();
  });

  it('stops all that it started and nothing else', async () => {
    const others = two.processes();
    expect(one.processes().length).toBeGreaterThan(3);
    expect((await one.norn('down')).code).toBe(0);
    expect(one.processes()).toEqual([]);
    expect(two.processes()).toEqual(others);
    expect((await one.norn('down')).text).toMatch(/Nothing of .* runs/);
  });
});
