// What `--hosts` gives, held against the keys of the folder that is rotated.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostKeysRow } from '@norn/store';
import { makeSecrets } from '../installation/secrets.ts';
import { AuthorityRotation } from './authority.ts';
import { CommandKeyRotation } from './command-key.ts';
import { elsewhere } from './control.ts';
import { type RotateFlags, rotate } from './rotate.ts';
import type { Rotation } from './rotation.ts';

let home: string;
let folder: string;
let file: string;
let told: string[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'norn-given-hosts-'));
  [folder, file, told] = [join(home, 'out'), join(home, 'hosts.json'), []];
  mkdirSync(folder);
  await makeSecrets(folder);
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

const tell = (sentence: string): void => void told.push(sentence);
const aHost = (name: string, more: Partial<HostKeysRow> = {}): HostKeysRow => ({
  ...{ id: `id-${name}`, name, tenantId: 'default', isConnected: true, canFollow: true, commandKeys: 1 },
  ...{ issuer: '', authorities: [], certificateExpiresAtMs: Date.now() + 1_000_000, ...more },
});

/** As it was printed so many seconds from now. */
function print(hosts: readonly HostKeysRow[], inSeconds: number): void {
  writeFileSync(file, JSON.stringify(hosts));
  const at = Date.now() / 1_000 + inSeconds;
  utimesSync(file, at, at);
}

function step(rotation: Rotation, flags: Partial<RotateFlags> = {}): Promise<void> {
  const control = elsewhere({ hosts: file, force: flags.force === true }, tell, rotation);
  const running = { control, tell, settleMs: 0, bringing: 'Bring the files.', where: ' --folder D' };
  return rotate(rotation, { wait: 0, ...flags }, running);
}

describe('hosts that are given', () => {
  it('are those of now for the step that asks them: a file of before the last step is refused', async () => {
    const rotation = new CommandKeyRotation(folder);
    print([aHost('web-1')], -60);
    await step(rotation);
    const refused = {
      code: 'hosts_stale',
      message: expect.stringMatching(/hosts\.json is of .*Z, and the command key/),
    };
    await expect(step(rotation)).rejects.toMatchObject(refused);
    expect(rotation.phase()).toBe('announced');
    print([aHost('web-1')], 60);
    await step(rotation);
    expect(rotation.phase()).toBe('turned');
    print([aHost('web-1')], -60);
    await expect(step(rotation, { finish: true })).rejects.toMatchObject({ code: 'hosts_stale' });
    expect(rotation.phase()).toBe('turned');
  });

  it('are taken as they are by force', async () => {
    const rotation = new CommandKeyRotation(folder);
    print([aHost('web-1')], -60);
    await step(rotation);
    await step(rotation, { force: true });
    expect(rotation.phase()).toBe('turned');
  });

  it('that have more lists of command keys than the folder are of another one, or the folder is old', async () => {
    const rotation = new CommandKeyRotation(folder);
    await step(rotation);
    print([aHost('web-1'), aHost('web-2', { commandKeys: 2 })], 60);
    const refused = {
      code: 'hosts_foreign',
      message: expect.stringMatching(/a command key that .*: web-2\. It is of/),
    };
    await expect(step(rotation)).rejects.toMatchObject(refused);
    expect(rotation.phase()).toBe('announced');
  });

  it('are of an authority of the folder, in use or before, or were away when it was forgotten', async () => {
    const rotation = new AuthorityRotation(folder);
    const first = rotation.inUse();
    const run = async (flags: Partial<RotateFlags> = {}): Promise<void> => {
      print([aHost('away', { isConnected: false, issuer: 'f0' })], 60);
      await step(rotation, { force: true, ...flags });
    };
    await run();
    await run();
    await run({ finish: true });
    await step(rotation);
    const authorities = [rotation.inUse(), rotation.beside()];
    print([aHost('web-1', { issuer: first, authorities }), aHost('other', { issuer: 'f0', authorities })], 60);
    const refused = { code: 'hosts_foreign', message: expect.stringMatching(/an? authority key that .*: other\. /) };
    await expect(step(rotation)).rejects.toMatchObject(refused);
    print([aHost('web-1', { issuer: first, authorities }), aHost('away', { isConnected: false, issuer: 'f0' })], 60);
    await step(rotation);
    expect(rotation.phase()).toBe('turned');
  });

  it('are not said to have let a key go of which nobody was told', async () => {
    const rotation = new CommandKeyRotation(folder);
    print([aHost('web-1')], 60);
    await step(rotation);
    await step(rotation);
    expect(told.at(-1)).toBe('Bring the files. They go by it then');
    const gone = rotation.beside().slice(0, 16);
    await step(rotation, { finish: true });
    expect(told.slice(-2)).toEqual([
      expect.stringMatching(/ is the only command key now$/),
      `Bring the files. ${gone} counts until then`,
    ]);
  });
});
