// Every way to write, in every kind of place: stopped and undone. A sample of it is in test/e2e/attacks.test.ts.
// @norn-strict
import { startInstallation, type Installation } from '../e2e/installation.ts';
import { type AttackReport, expectDeletionUndone, expectUndone, paceOf } from '../e2e/undone.ts';

jest.setTimeout(900_000);

/** The host has the same vault; these differ most from one another there. */
const hostModes = [
  ...['in-place', 'write-new-unlink', 'rename-then-write', 'mmap', 'truncate-path-then-write'],
  ...['wiper-truncate', 'elsewhere-rename'],
];
const modes = [
  ...hostModes,
  ...['write-new-rename-over', 'partial', 'truncate-then-write', 'ftruncate-then-write', 'threads', 'slow'],
  ...['low-entropy', 'hole-punch', 'wiper-overwrite', 'copy-file-range', 'sendfile', 'process-per-file', 'fork-tree'],
];

describe('ransomware is stopped and undone', () => {
  let norn: Installation;

  beforeAll(async () => {
    norn = await startInstallation(7700);
  });
  afterAll(() => norn.stop());

  const attack = (...args: string[]): Promise<AttackReport> => norn.json('attack', 'ransomware', ...args);

  it.each(modes)('that works %s in a container', async (mode) => {
    const report = await attack('--container', '--mode', mode, ...paceOf(mode));
    expectUndone(report);
    expect(report.containerId).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(hostModes)('that works %s on the host', async (mode) => {
    const report = await attack('--host', '--mode', mode);
    expectUndone(report);
    expect(report.containerId).toBe('');
  });

  it.each([
    ['upper', 'in-place'],
    ['upper', 'write-new-unlink'],
    ['bind', 'in-place'],
    ['bind', 'write-new-unlink'],
    ['upper', 'process-per-file'],
    ['bind', 'truncate-path-then-write'],
    ['image', 'io-uring'],
    ['upper', 'io-uring'],
    ['volume', 'in-place'],
    ['volume', 'write-new-unlink'],
    ['volume', 'fork-tree'],
  ])('in a container (%s, %s)', async (place, mode) => {
    expectUndone(await attack('--place', place, '--mode', mode));
  });

  it.each(['image', 'upper', 'volume', 'host'])('that only deletes (%s)', async (place) => {
    expectDeletionUndone(await attack('--place', place, '--mode', 'wiper-unlink'));
  });
});
