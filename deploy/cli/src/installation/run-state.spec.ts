import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processIdentity } from '@norn/embedded';
import type { Installation, Ports } from './installation.ts';
import { readRunState, StateKeeper, writeRunState } from './run-state.ts';

describe('the state of what runs', () => {
  it('that can not be written is told once, and written when it can be', async () => {
    const home = mkdtempSync(join(tmpdir(), 'norn-state-'));
    const installation: Installation = { home, ports: {} as Ports, path: (...parts) => join(home, ...parts) };
    const told: string[] = [];
    let wake: () => void = () => undefined;
    const keeper = new StateKeeper({
      write: () => {
        const supervisor = processIdentity(process.pid)!;
        const ready = {
          supervisor,
          phase: 'ready',
          portBase: 7400,
          separate: false,
          message: 'kept',
          parts: [],
        } as const;
        writeRunState(installation, ready);
      },
      tell: (sentence) => {
        told.push(sentence);
        wake();
      },
      againAfterMs: 5,
    });
    keeper.save(); // There is no run/ yet.
    keeper.save();
    expect(told).toEqual([expect.stringMatching(/can not be written and is tried again: .*ENOENT/)]);
    const written = new Promise<void>((resolve) => (wake = resolve));
    mkdirSync(join(home, 'run'));
    await written;
    expect(told).toEqual([expect.anything(), 'run/installation.json is written again']);
    expect(readRunState(installation)?.message).toBe('kept');
    rmSync(home, { recursive: true });
  });
});
