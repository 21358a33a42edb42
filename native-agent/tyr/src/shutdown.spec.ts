import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isGoingDown } from './shutdown.ts';

const alone = { kubernetesApi: '' };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'norn-shutdown-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A simulated systemctl. */
function systemctl(script: string): string {
  const file = join(folder, 'systemctl');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

it.each([
  ['echo stopping; exit 1', true],
  ['echo running', false],
  ['echo degraded; exit 1', false],
  ['exit 127', false],
])('a machine whose systemd does `%s` goes down: %s', async (script, expected) => {
  expect(await isGoingDown(alone, folder, systemctl(script))).toBe(expected);
});

it('nobody is asked where there is no systemd', async () => {
  expect(await isGoingDown(alone, join(folder, 'none'), systemctl('echo stopping'))).toBe(false);
});

it('in a cluster another takes its place', async () => {
  expect(await isGoingDown({ kubernetesApi: 'https://10.0.0.1' }, join(folder, 'none'))).toBe(true);
});
