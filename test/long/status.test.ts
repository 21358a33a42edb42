// What hangs is named: `norn status` with each part of an installation halted in turn.
// @norn-strict
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startInstallation, type Installation } from '../e2e/installation.ts';

const portBase = 7920;
const startMs = 600_000;

interface Status {
  up: boolean;
  problems: string[];
  parts: { name: string; state: string }[];
}

describe('norn status', () => {
  let norn: Installation;
  const pidOf = (part: string): number => Number(readFileSync(join(norn.home, 'run', `${part}.pid`), 'utf8'));

  beforeAll(async () => {
    norn = await startInstallation(portBase, 'withoutAgent');
  }, startMs);
  afterAll(() => norn.stop(), startMs);

  it('is content with an installation that runs', async () => {
    const { code, stdout } = await norn.norn('status');
    expect([code, stdout]).toEqual([0, expect.stringContaining('Norn is up at')]);
  });

  it.each(['kafka', 'clickhouse', 'postgres', 'stages'])(
    'names %s when it hangs, and exits with 1',
    async (part) => {
      process.kill(pidOf(part), 'SIGSTOP');
      try {
        const { code, stdout } = await norn.norn('status', '--json');
        const { parts, problems } = JSON.parse(stdout) as Status;
        expect(code).toBe(1);
        expect(parts.find(({ name }) => name === part)?.state).toBe('silent');
        expect(problems).toContainEqual(expect.stringContaining(`${part} does not answer`));
      } finally {
        process.kill(pidOf(part), 'SIGCONT');
      }
    },
    60_000,
  );

  it('names the supervisor when it is halted, and exits with 1', async () => {
    const { supervisor } = JSON.parse(readFileSync(join(norn.home, 'run', 'installation.json'), 'utf8')) as {
      supervisor: { pid: number };
    };
    process.kill(supervisor.pid, 'SIGSTOP');
    try {
      const { code, stdout } = await norn.norn('status');
      const cure = `the supervisor: its process is stopped; dead parts are not started again; kill -CONT ${supervisor.pid}`;
      expect([code, stdout]).toEqual([1, expect.stringContaining(cure)]);
    } finally {
      process.kill(supervisor.pid, 'SIGCONT');
    }
  });

  it('says who stopped it when it is down, and does not send to itself', async () => {
    await norn.norn('down');
    const { code, stdout, stderr } = await norn.norn('status');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^Norn is down: it was stopped at /)]);
    expect(stdout + stderr).not.toContain('norn status');
  });
});
