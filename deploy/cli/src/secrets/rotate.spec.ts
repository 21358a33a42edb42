import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pemBlocks, readInstallationKeys } from '@norn/config';
import { publicKeyPemOf, readCommandKeys } from '@norn/response';
import type { HostKeysRow } from '@norn/store';
import { makeServiceSecrets } from '../compose/secrets.ts';
import { AuthorityRotation } from './authority.ts';
import { CommandKeyRotation } from './command-key.ts';
import { elsewhere } from './control.ts';
import { rotationText, shownKeys, shownRotation } from './keys-shown.ts';
import { type RotateFlags, rotate, rotateIngest } from './rotate.ts';
import type { Rotation } from './rotation.ts';

let folder: string;
let hosts: HostKeysRow[];
let deeds: string[];
let told: string[];

const aHost = (name: string, more: Partial<HostKeysRow> = {}): HostKeysRow => ({
  ...{ id: `id-${name}`, name, tenantId: 'default', isConnected: true, canFollow: true, commandKeys: 0 },
  ...{ issuer: '', authorities: [], certificateExpiresAtMs: Date.now() + 1_000, ...more },
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'norn-rotate-'));
  [hosts, deeds, told] = [[], [], []];
  await makeServiceSecrets(folder, { ingest: ['ingest'], stores: () => [] });
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const running = {
  settleMs: 0,
  tell: (sentence: string): void => void told.push(sentence),
  control: {
    hosts: () => Promise.resolve(hosts),
    note: (action: string, subject: string) => Promise.resolve(void deeds.push(`${subject} ${action}`)),
    close: () => Promise.resolve(),
  },
};
const run = (rotation: Rotation, flags: Partial<RotateFlags> = {}) => rotate(rotation, { wait: 0, ...flags }, running);
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const newestList = () =>
  readCommandKeys(Buffer.from(readInstallationKeys(folder).commandKeys.at(-1)?.list ?? '', 'base64'));

describe('the command key', () => {
  it('comes before the old one when hosts have it, goes back, and is alone at the end', async () => {
    const rotation = new CommandKeyRotation(folder);
    const old = read('command.key.pem');
    await run(rotation);
    const [first = '', second] = pemBlocks(read('command.key.pem'));
    expect([rotation.phase(), second]).toEqual(['turned', old]);
    expect(read('command.public.pem')).toBe(publicKeyPemOf(first));
    expect(newestList()).toEqual({ number: 1, keys: [old, first].map(publicKeyPemOf) });
    await run(rotation, { back: true });
    expect([rotation.phase(), pemBlocks(read('command.key.pem'))]).toEqual(['announced', [old, first]]);
    await run(rotation);
    await run(rotation, { finish: true });
    expect([rotation.phase(), read('command.key.pem')]).toEqual(['steady', first]);
    expect(newestList()).toEqual({ number: 2, keys: [publicKeyPemOf(first)] });
    expect(deeds.map((deed) => deed.replace('command key.', ''))).toEqual([
      ...['announced', 'turned', 'turned_back', 'turned', 'finished'],
    ]);
  });

  it('waits for hosts that are connected, and names those that do not follow', async () => {
    const rotation = new CommandKeyRotation(folder);
    hosts = [aHost('web-1', { commandKeys: 1 }), aHost('web-2'), aHost('web-3', { isConnected: false })];
    await expect(run(rotation)).rejects.toMatchObject({
      code: 'hosts_behind',
      message: expect.stringMatching(/: web-2\. /),
    });
    expect(rotation.phase()).toBe('announced');
    expect(rotationText(shownRotation(rotation, hosts))).toMatch(/1 of 3 hosts .* not yet: web-2, web-3 \(away\)$/);
    await run(rotation, { force: true });
    expect(rotation.phase()).toBe('turned');
  });

  it('is not finished while a host would not follow, and names it', async () => {
    const rotation = new CommandKeyRotation(folder);
    await run(rotation);
    hosts = [aHost('old', { canFollow: false }), aHost('away', { isConnected: false })];
    const refused = {
      code: 'hosts_rely',
      message: expect.stringMatching(/^1 host would be lost: old \(its agent is too old/),
    };
    await expect(run(rotation, { finish: true })).rejects.toMatchObject(refused);
    await run(rotation, { finish: true, force: true });
    expect(rotation.phase()).toBe('steady');
  });

  it('is given up by a finish before it was in use', async () => {
    const rotation = new CommandKeyRotation(folder);
    const old = read('command.key.pem');
    await rotation.announce();
    await run(rotation, { finish: true });
    expect([read('command.key.pem'), newestList()]).toEqual([old, { number: 2, keys: [publicKeyPemOf(old)] }]);
  });

  it('is gone on with from wherever it was interrupted', async () => {
    const rotation = new CommandKeyRotation(folder);
    await run(rotation);
    const both = read('command.key.pem');
    const lists = read('keys.json');
    await run(rotation, { finish: true });
    const alone = read('command.key.pem');
    // As when the process was killed between the two files.
    writeFileSync(join(folder, 'keys.json'), lists);
    expect(rotation.phase()).toBe('finishing');
    await expect(run(rotation)).rejects.toMatchObject({ code: 'rotation_unfinished' });
    await run(rotation, { finish: true });
    expect([rotation.phase(), newestList()?.number]).toEqual(['steady', 2]);
    writeFileSync(join(folder, 'command.key.pem'), alone + (pemBlocks(both)[1] ?? ''));
    expect(rotation.phase()).toBe('announcing');
    await run(rotation);
    expect([rotation.phase(), newestList()?.number]).toEqual(['turned', 3]);
  });
});

describe('the authority', () => {
  const names = (): string[] => pemBlocks(read('ingest.cert.pem')).map((pem) => new X509Certificate(pem).issuer);

  it('is proven to those who trust the one before by a certificate between the two', async () => {
    const rotation = new AuthorityRotation(folder);
    const older = new X509Certificate(read('authority.cert.pem'));
    await run(rotation);
    const [own, bridge] = pemBlocks(read('ingest.cert.pem')).map((pem) => new X509Certificate(pem));
    expect(own?.checkHost('ingest')).toBe('ingest');
    expect(own?.verify(bridge!.publicKey)).toBe(true);
    expect(bridge?.verify(older.publicKey)).toBe(true);
    await run(rotation, { back: true });
    expect(names()).toHaveLength(1);
    expect(new X509Certificate(read('ingest.cert.pem')).verify(older.publicKey)).toBe(true);
    expect(pemBlocks(read('authority.cert.pem'))).toHaveLength(2);
  });

  it('is announced only when it can vouch for the next one', async () => {
    const rotation = new AuthorityRotation(folder);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(join(folder, 'authority.key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await expect(run(rotation)).rejects.toMatchObject({ code: 'authority_invalid' });
    expect([rotation.phase(), deeds]).toEqual(['steady', []]);
  });

  it('says what to do next with the folder that it was told', async () => {
    const where = ` --folder ${folder}`;
    await rotate(new AuthorityRotation(folder), { wait: 0 }, { ...running, where });
    expect(told.at(-1)).toContain(`./norn secrets rotate authority --folder ${folder} --finish`);
  });

  it('is let go when no certificate of it is good any more, and then proves who a host was, or nothing', async () => {
    const rotation = new AuthorityRotation(folder);
    const older = read('authority.cert.pem');
    await run(rotation);
    hosts = [
      aHost('web-1', { issuer: rotation.beside() }),
      aHost('gone', { issuer: rotation.beside(), certificateExpiresAtMs: 1 }),
    ];
    await expect(run(rotation, { finish: true })).rejects.toMatchObject({
      code: 'hosts_rely',
      message: expect.stringContaining('1 host would be lost: web-1 (its certificate is of the authority that goes)'),
    });
    await run(rotation, { finish: true, force: true });
    expect(readInstallationKeys(folder).retiredAuthorities.map((pem) => pem.trim())).toEqual([older.trim()]);
    expect(told.at(-1)).toMatch(/have not let the other one go yet: web-1, gone/);
    hosts = [];
    await run(rotation);
    await run(rotation, { finish: true, forget: true });
    expect(readInstallationKeys(folder).retiredAuthorities).toEqual([]);
    expect(names()).toHaveLength(1);
  });

  it('is gone on with from wherever it was interrupted', async () => {
    const rotation = new AuthorityRotation(folder);
    const [key, cert] = [read('authority.key.pem'), read('authority.cert.pem')];
    await run(rotation);
    const [keys, certificates] = [read('authority.key.pem'), read('authority.cert.pem')];
    writeFileSync(join(folder, 'authority.key.pem'), key);
    expect(rotation.phase()).toBe('announcing');
    await run(rotation);
    expect(pemBlocks(read('authority.cert.pem'))[0]).toBe(pemBlocks(cert)[0]);
    writeFileSync(join(folder, 'authority.key.pem'), keys);
    writeFileSync(join(folder, 'authority.cert.pem'), pemBlocks(certificates)[1] ?? '');
    expect(rotation.phase()).toBe('finishing');
    await run(rotation, { finish: true });
    expect(rotation.phase()).toBe('steady');
    expect(new X509Certificate(read('authority.cert.pem')).subject).toBe('CN=Norn authority');
  });
});

it.each(['{}', '[1]', 'null', 'garbage', '[{ "id": "web-1" }]'])(
  'hosts that are no list of hosts are refused: %s',
  (text) => {
    const file = join(folder, 'hosts.json');
    writeFileSync(file, text);
    const there = elsewhere({ hosts: file }, () => undefined);
    expect(() => there.hosts()).toThrow(
      /does not say which hosts follow .* give what deploy\/prepare\/src\/host-keys\.main\.ts printed there/s,
    );
  },
);

it("ingest's certificate is another of the same names, and has a way back until it is let go", async () => {
  const first = read('ingest.cert.pem');
  await rotateIngest(folder, { wait: 0 }, running);
  const second = read('ingest.cert.pem');
  expect(second).not.toBe(first);
  expect(new X509Certificate(second).subjectAltName).toBe(new X509Certificate(first).subjectAltName);
  await rotateIngest(folder, { wait: 0, back: true }, running);
  expect(read('ingest.cert.pem').trim()).toBe(first.trim());
  await run(new AuthorityRotation(folder));
  const foreign = { code: 'no_way_back', message: expect.stringContaining('of another authority') };
  await expect(rotateIngest(folder, { wait: 0, back: true }, running)).rejects.toMatchObject(foreign);
  await rotateIngest(folder, { wait: 0, finish: true }, running);
  await expect(rotateIngest(folder, { wait: 0, back: true }, running)).rejects.toMatchObject({ code: 'no_way_back' });
});

it('the keys are shown with what each is for, who holds it and what is under way', async () => {
  const rotations = [new CommandKeyRotation(folder), new AuthorityRotation(folder)];
  await run(rotations[0]!);
  const shown = shownKeys(folder, rotations);
  expect(shown.slice(0, 3).map(({ key, holder, state }) => [key, holder, state])).toEqual([
    ['command', 'remediation', 'in use; the old one counts still'],
    ['authority', 'ingest', ''],
    ['ingest', 'ingest', ''],
  ]);
  expect(shown.every(({ fingerprint }) => /^[0-9a-f]{16,64}$/.test(fingerprint))).toBe(true);
});
