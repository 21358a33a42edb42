// `./norn secrets` as it is typed, over a folder of an installation elsewhere.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeServiceSecrets } from '../compose/secrets.ts';

const register = pathToFileURL(join(import.meta.dirname, '../../../runtime/register.mjs')).href;
const main = join(import.meta.dirname, '../main.ts');

interface Ended {
  readonly code: number | null;
  readonly answer: string;
  readonly said: string;
}

let home: string;
let folder: string;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'norn-secrets-command-'));
  folder = join(home, 'my out');
  const names = (service: string) =>
    ['', '.norn', '.norn.svc', '.norn.svc.cluster.local'].map((end) => `norn-${service}${end}`);
  await makeServiceSecrets(folder, { ingest: names('ingest'), stores: names });
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

function secrets(...args: string[]): Ended {
  const env = { ...process.env, NODE_OPTIONS: '', NORN_HOME: home };
  const run = spawnSync(process.execPath, ['--import', register, main, 'secrets', ...args], { env });
  return { code: run.status, answer: run.stdout.toString(), said: run.stderr.toString() };
}

const refusal = (text: string) => ({ code: 1, answer: '', said: expect.stringContaining(text) });

describe('secrets rotate', () => {
  it('lists the keys when it is told none, or another', () => {
    const one = 'one of command, authority, ingest';
    expect(secrets('rotate')).toEqual(refusal(`./norn secrets rotate KEY, with ${one} (key_missing)\n`));
    expect(secrets('rotate', 'kafka')).toEqual(refusal(`give ${one} (key_unknown)\n`));
  });

  it.each([
    ['flags_invalid', ['--forget'], '--forget goes with --finish'],
    ['flags_invalid', ['--hosts', 'hosts.json'], '--hosts goes with --folder'],
    ['wait_invalid', ['--wait', 'long'], '--wait takes seconds'],
    ['folder_invalid', ['--folder', '/nowhere'], '/nowhere has no keys.json'],
  ])('refuses as %s: %s', (code, flags, sentence) => {
    const { said } = secrets('rotate', 'command', ...flags);
    expect(said).toMatch(new RegExp(`^norn: ${sentence}.* \\(${code}\\)\\n$`));
  });

  it('says what to type next with the folder as one word', () => {
    const { code, said } = secrets('rotate', 'ingest', '--folder', folder);
    expect([code, said]).toEqual([
      0,
      expect.stringContaining(`./norn secrets rotate ingest --folder '${folder}' --finish`),
    ]);
    expect(said).toMatch(/^For the trail: host-keys\.main\.ts note '\{"actor":.*\}'$/m);
    expect(secrets('rotate', 'ingest', '--folder', folder)).toEqual(refusal('(rotation_unfinished)\n'));
  });

  it('reads the hosts that it is given in each step, and says when nobody asks for them', () => {
    const hosts = join(home, 'hosts.json');
    writeFileSync(hosts, '{}');
    const given = ['--folder', folder, '--hosts', hosts];
    for (const key of ['command', 'ingest'])
      expect(secrets('rotate', key, ...given)).toEqual(refusal('(hosts_invalid)\n'));
    writeFileSync(hosts, '[]');
    const { code, said } = secrets('rotate', 'ingest', ...given);
    expect([code, said]).toEqual([0, expect.stringContaining('what --hosts gives is not looked at')]);
    expect(said).toContain(`Bring the files of ${folder} to the stages`);
  });
});

describe('secrets FOLDER', () => {
  it('says how the cluster gets them, with the folder as one word', () => {
    const { code, answer, said } = secrets(folder);
    expect([code, said]).toEqual([0, '']);
    expect(answer.split('\n').slice(0, 2)).toEqual([
      `kubectl -n norn create secret generic norn-secrets --from-file='${folder}'`,
      expect.stringContaining(` --from-file='${folder}/join.token' --from-file='${folder}/authority.cert.pem'`),
    ]);
  });

  it('says what was missing beside what was there, and what is to be done', () => {
    for (const name of ['api.token', 'kafka.cert.pem', 'stage.key.pem']) rmSync(join(folder, name));
    const { code, said } = secrets(folder);
    expect(code).toBe(0);
    const [made = '', lost = ''] = said.split('\n');
    expect(made).toContain(`Made in ${folder}, for they were not there: api.token. If the installation has others`);
    expect(lost).toContain(`Missing in ${folder}: kafka.cert.pem, stage.key.pem. The key of the authority`);
    expect(secrets(folder).said).toBe('');
  });

  it('says which names were asked for that a certificate does not have', () => {
    const asked = ['--release', 'other', '--name', 'in.example', '192.0.2.7'];
    const { code, said } = secrets(folder, ...asked);
    expect(code).toBe(0);
    expect(said.trim().split('\n')).toEqual([
      expect.stringMatching(
        /ingest\.cert\.pem was there and stays.*: other-ingest, .*, in\.example, 192\.0\.2\.7\. .*remove it/,
      ),
      ...['kafka', 'clickhouse', 'postgres'].map(
        (store) => expect.stringContaining(`names: other-${store}, `) as unknown,
      ),
    ]);
    for (const name of ['ingest.cert.pem', 'kafka.cert.pem']) rmSync(join(folder, name));
    expect(secrets(folder, ...asked).said).not.toContain('was there and stays');
  });
});
