import { maintenanceDigest, maintenanceProof, makeMaintenanceToken } from '@norn/contracts';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Farewell } from './farewell.ts';
import { MaintenanceLock } from './maintenance-lock.ts';

const logger = pino({ level: 'silent' });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'norn-farewell-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function begun(): Farewell {
  const farewell = new Farewell(folder, logger);
  farewell.begin();
  return farewell;
}

it('counts starts after an end that was none in order, and remembers them', () => {
  expect(begun().uncleanStarts).toBe(0);
  expect(begun().uncleanStarts).toBe(1);
  const third = begun();
  expect(third.uncleanStarts).toBe(2);
  third.end();
  expect(begun().uncleanStarts).toBe(2);
});

it('names the last run that was heard, when that and all since ended in order', () => {
  const name = ({ run: { runId } }: Farewell): string => Buffer.from(runId).toString('hex');
  const before = ({ run: { previousRunId } }: Farewell): string => Buffer.from(previousRunId).toString('hex');
  const first = begun();
  expect([name(first).length, before(first)]).toEqual([32, '']);
  first.heard();
  expect(readFileSync(join(folder, 'farewell.json'), 'utf8')).not.toContain(name(first));
  first.end();
  const unheard = begun();
  expect(before(unheard)).toBe(name(first));
  unheard.end();
  const third = begun();
  expect(before(third)).toBe(name(first));
  expect(new Set([first, unheard, third].map(name)).size).toBe(3);
  third.heard();
  expect(before(begun())).toBe('');
});

describe('a run that was stopped with the maintenance token of the host', () => {
  const [token, next] = [makeMaintenanceToken(), makeMaintenanceToken()];

  /** Returns the run that was stopped. */
  function stopped(): Uint8Array {
    const farewell = begun();
    farewell.learn(maintenanceDigest(token));
    new MaintenanceLock(folder).leaveWith(token);
    farewell.say(false);
    farewell.end();
    return farewell.run.runId;
  }

  it('is told of by each that follows, until the installation says by what the next token is known', () => {
    const runId = stopped();
    const told = { runId, proof: maintenanceProof(token, runId) };
    const unheard = begun();
    expect(unheard.run.tokenStop).toEqual(told);
    unheard.say(false);
    unheard.end();
    const heard = begun();
    expect(heard.run.tokenStop).toEqual(told);
    heard.learn(maintenanceDigest(next));
    expect(heard.run.tokenStop).toBeUndefined();
    heard.end();
    expect(begun().run.tokenStop).toBeUndefined();
  });

  it('has used the token up, whatever the installation says to it when it goes', () => {
    stopped();
    const lock = new MaintenanceLock(folder);
    expect([lock.isLocked(), lock.opens(token)]).toEqual([true, false]);
    const second = begun();
    second.say(false);
    second.learn(maintenanceDigest(token));
    expect([lock.opens(token), second.run.tokenStop]).toEqual([false, expect.anything()]);
  });

  it('is not on disk by its name while it runs', () => {
    const farewell = begun();
    new MaintenanceLock(folder).leaveWith(token);
    farewell.say(false);
    const name = Buffer.from(farewell.run.runId).toString('hex');
    expect(readFileSync(join(folder, 'farewell.json'), 'utf8')).not.toContain(name);
  });
});

it('says how often somebody gave a wrong maintenance token while it runs', () => {
  const farewell = begun();
  expect(farewell.run.stopsRefused).toBe(0n);
  new MaintenanceLock(folder).refuse();
  expect(farewell.run.stopsRefused).toBe(1n);
});

it('says nothing of the last one when what it left can not be read', () => {
  writeFileSync(join(folder, 'farewell.json'), '{');
  expect(begun().uncleanStarts).toBe(0);
});
