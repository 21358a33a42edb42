import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unitNameOf, unitText } from './unit.ts';

const plan = {
  launcher: '/bin/true',
  home: '/var/lib/norn',
  flags: ['--agent-only'],
  settings: { NORN_PROTECTED_PATHS: '/srv/100% "mine"\\:/home/$USER' },
};

describe('the unit', () => {
  it('has a name of its own for each home', () => {
    expect(unitNameOf('/var/lib/norn')).toBe('norn.service');
    expect(unitNameOf('/srv/norn')).toMatch(/^norn-[0-9a-f]{8}\.service$/);
    expect(unitNameOf('/srv/norn')).not.toBe(unitNameOf('/srv/norn2'));
  });

  it('is ready before containers are started, is started again, and keeps the agent meanwhile', () => {
    const lines = unitText(plan).split('\n');
    for (const line of ['Type=notify', 'Restart=always', 'KillMode=process', 'WantedBy=multi-user.target'])
      expect(lines).toContain(line);
    expect(lines).toContain('ExecStart="/bin/true" "supervise" "--agent-only"');
    expect(unitText(plan)).toMatch(/^Before=docker\.service containerd\.service/m);
  });

  it('has settings as they are', () => {
    expect(unitText(plan)).toContain(
      'Environment="NORN_PROTECTED_PATHS=/srv/100%% \\"mine\\"\\\\:/home/$USER"\nEnvironment="NORN_HOME=/var/lib/norn"',
    );
  });

  // A machine without systemd has no use for it.
  const verify = '/usr/bin/systemd-analyze';
  (existsSync(verify) ? it : it.skip)('is one to systemd', () => {
    const folder = mkdtempSync('/var/tmp/norn-unit-');
    try {
      const file = join(folder, 'norn.service');
      writeFileSync(file, unitText(plan));
      expect(execFileSync(verify, ['verify', '--man=no', file], { encoding: 'utf8', stdio: 'pipe' })).toBe('');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
