import { maintenanceDigest, makeMaintenanceToken } from '@norn/contracts';
import { MaintenanceLock } from '@norn/tyr';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Installation, Ports } from '../installation/installation.ts';
import { keepJoined } from '../installation/joined-host.ts';
import { openLock } from './open-lock.ts';

describe('the agent of a host that has joined', () => {
  const token = makeMaintenanceToken();
  let home: string;
  let installation: Installation;
  let lock: MaintenanceLock;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'norn-down-'));
    installation = { home, ports: {} as Ports, path: (...parts) => join(home, ...parts) };
    mkdirSync(join(home, 'agent'));
    keepJoined(installation, { ingest: 'norn:1', enrol: 'norn:2', name: 'norn', authority: 'ab'.repeat(32) });
    lock = new MaintenanceLock(join(home, 'agent'));
    lock.learn(maintenanceDigest(token));
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });

  function given(text: string): string {
    const file = join(home, 'given');
    writeFileSync(file, text);
    return file;
  }

  it('is stopped by no wrong token, and notes each for the installation', async () => {
    for (const times of [1, 2]) {
      const tokenFile = given(makeMaintenanceToken());
      await expect(openLock(installation, tokenFile)).rejects.toMatchObject({ code: 'maintenance_token_wrong' });
      expect(lock.refused).toBe(times);
    }
  });

  it('leaves with its own token, and notes nothing', async () => {
    await openLock(installation, given(`${token}\n`));
    expect([existsSync(join(home, 'agent', 'leaving.token')), lock.refused]).toEqual([true, 0]);
  });

  it('notes nothing when no token was given', async () => {
    await expect(openLock(installation, undefined)).rejects.toMatchObject({ code: 'maintenance_token_needed' });
    const tokenFile = given('\n');
    await expect(openLock(installation, tokenFile)).rejects.toMatchObject({ code: 'maintenance_token_empty' });
    expect(lock.refused).toBe(0);
  });
});
