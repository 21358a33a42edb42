import { maintenanceDigest, maintenanceProof, makeMaintenanceToken } from '@norn/contracts';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MaintenanceLock } from './maintenance-lock.ts';

describe('the lock of an agent', () => {
  const token = makeMaintenanceToken();
  const run = Buffer.alloc(16, 7);
  let folder: string;
  let lock: MaintenanceLock;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'norn-lock-'));
    lock = new MaintenanceLock(folder);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is none before the installation has said by what the token is known, and none when it takes nothing any more', () => {
    expect(lock.isLocked()).toBe(false);
    lock.learn(maintenanceDigest(token));
    expect(lock.isLocked()).toBe(true);
    lock.lift();
    expect(lock.isLocked()).toBe(false);
  });

  it('opens for the newest token as people write it down, and for no other', () => {
    lock.learn(maintenanceDigest(makeMaintenanceToken()));
    lock.learn(maintenanceDigest(token));
    expect(lock.opens(` ${token.toUpperCase().replaceAll('-', ' ')}\n`)).toBe(true);
    for (const other of ['', makeMaintenanceToken(), token.slice(1), 'a'.repeat(10_000)])
      expect(lock.opens(other)).toBe(false);
  });

  it('remembers how often somebody gave a wrong one, and begins anew with a count that can not be read', () => {
    expect(lock.refused).toBe(0);
    lock.refuse();
    lock.refuse();
    expect(new MaintenanceLock(folder).refused).toBe(2);
    writeFileSync(join(folder, 'refused-stops.json'), '{"count":-1}');
    expect(lock.refused).toBe(0);
  });

  it('does not keep the token itself, and stays shut when what it keeps was written over', () => {
    lock.learn(new Uint8Array(3));
    expect(lock.isLocked()).toBe(false);
    writeFileSync(join(folder, 'maintenance.json'), '{"tokenSha256":""}');
    expect([lock.isLocked(), lock.opens(''), lock.opens(token)]).toEqual([true, false, false]);
  });

  it('has the end of one run say by whom it was stopped, once', () => {
    lock.leaveWith(token);
    const kept = join(folder, 'leaving.token');
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(lock.takeProof(run)).toEqual(maintenanceProof(token, run));
    expect(existsSync(kept)).toBe(false);
    expect(lock.takeProof(run)).toEqual(new Uint8Array());
  });

  it('opens for a token no more when a run has ended with it, until the installation has said by what the next is known', () => {
    lock.learn(maintenanceDigest(token));
    lock.leaveWith(token);
    lock.stay();
    expect([lock.takeProof(run), lock.opens(token)]).toEqual([new Uint8Array(), true]);
    lock.leaveWith(token);
    lock.takeProof(run);
    expect([lock.isLocked(), lock.opens(token), lock.opens('')]).toEqual([true, false, false]);
    const next = makeMaintenanceToken();
    lock.learn(maintenanceDigest(next));
    expect([lock.opens(token), lock.opens(next)]).toEqual([false, true]);
  });

  it('stays open for its token when somebody left another one', () => {
    lock.learn(maintenanceDigest(token));
    lock.leaveWith(makeMaintenanceToken());
    lock.takeProof(run);
    expect(lock.opens(token)).toBe(true);
  });
});
