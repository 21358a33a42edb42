// What of a folder or an archive is taken to the API, and in which portions.
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { crc32, deflateRawSync } from 'node:zlib';
import { NornError } from '@norn/base';
import { IMPORTED_RULES_MAX } from '@norn/store';
import { RULES_MAX, importRules, importText } from './import-rules.ts';

const run = promisify(execFile);
const register = pathToFileURL(join(import.meta.dirname, '../../../../runtime/register.mjs')).href;

/** An archive as zip(1) makes it. */
function zipOf(files: Readonly<Record<string, string>>, method: 0 | 8 = 8): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const packed = method === 8 ? deflateRawSync(text) : Buffer.from(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc32(text), 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(Buffer.byteLength(text), 22);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    local.copy(entry, 10, 8, 30);
    entry.writeUInt32LE(at, 42);
    parts.push(local, Buffer.from(name), packed);
    directory.push(entry, Buffer.from(name));
    at += local.length + Buffer.byteLength(name) + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** The archive with something else in its directory of its first file. */
function saying(archive: Buffer, say: (entry: Buffer) => void): Buffer {
  say(archive.subarray(archive.indexOf(Buffer.from('PK\x01\x02', 'latin1'))));
  return archive;
}

const sayingSize = (archive: Buffer, bytes: number): Buffer =>
  saying(archive, (entry) => entry.writeUInt32LE(bytes, 24));
const packedBy = (archive: Buffer, method: number): Buffer =>
  saying(archive, (entry) => entry.writeUInt16LE(method, 10));
const encrypted = (archive: Buffer): Buffer => saying(archive, (entry) => entry.writeUInt16LE(1, 8));

describe('an import', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'norn-import-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  interface Sent {
    readonly files: readonly { readonly name: string; readonly text: string }[];
  }
  const sent: Sent[] = [];
  beforeEach(() => sent.splice(0));
  /** A fake of the API's door: takes everything but what is called bad. */
  const api = {
    post: <Answer>(path: string, body?: object): Promise<Answer> => {
      expect(path).toBe('/rules/import');
      const { files } = body as Sent;
      sent.push({ files });
      const views = files.map(({ name }) => ({
        file: name,
        title: name,
        extent: 'whole',
        lacks: [],
        error: name.includes('bad') ? `${name}:3: detection: is missing: add it` : '',
      }));
      return Promise.resolve({ files: views } as Answer);
    },
  };
  const saved = async (name: string, content: string | Buffer): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };

  it.each([0, 8] as const)('takes the rules of an archive (method %i) and leaves the rest', async (method) => {
    const files = { 'rules/b.yml': 'title: ü', 'a.yaml': 'a', 'README.md': 'no rule', 'rules/': '' };
    const report = await importRules(await saved('some.zip', zipOf(files, method)), api);
    expect(sent).toEqual([
      {
        files: [
          { name: 'a.yaml', text: 'a' },
          { name: 'rules/b.yml', text: 'title: ü' },
        ],
      },
    ]);
    expect(report).toMatchObject({ imported: 2, refused: 0 });
  });

  it('says what was refused and goes on, in portions', async () => {
    const many = Object.fromEntries(Array.from({ length: 205 }, (_, number) => [`${number}.yml`, 'x']));
    const files = { ...many, 'bad.yml': 'x', 'long.yml': 'x'.repeat(70_000), 'wide-1.yml': 'y'.repeat(60_000) };
    const report = await importRules(await saved('many.zip', zipOf(files)), api);
    expect(sent.map(({ files }) => files.length)).toEqual([200, 7]);
    expect(report).toMatchObject({ imported: 206, refused: 2 });
    const text = importText(report);
    expect(text).toContain('✘ bad.yml:3: detection: is missing: add it');
    expect(text).toContain('✘ long.yml:1: the file: is longer than 65536 characters: split it');
    expect(text).toContain('206 imported, 2 refused.');
  });

  it.each([
    ['is no ZIP', Buffer.from('PK, but not really: this is a text of some length')],
    ['is no ZIP', zipOf({ 'a.yml': 'a' }).subarray(0, -10)],
    ['has nothing where a.yml should be', zipOf({ 'a.yml': 'a' }).fill(0, 0, 4)],
    ['has a damaged directory', zipOf({ 'a.yml': 'a'.repeat(100) }, 0).fill(0, 135, 140)],
    ['is cut off or damaged', zipOf({ 'a.yml': 'a' }).fill(0xff, 35, 38)],
    ['has a.yml with more than 262144 bytes', zipOf({ 'a.yml': ' '.repeat(1_000_000) })],
    ['is cut off or damaged', sayingSize(zipOf({ 'a.yml': ' '.repeat(1_000_000) }), 100)],
    ['is encrypted', encrypted(zipOf({ 'a.yml': 'a' }))],
    ['has a.yml packed in a way that is not known (12)', packedBy(zipOf({ 'a.yml': 'a' }), 12)],
  ])('of an archive that %s is refused', async (why, archive) => {
    await expect(importRules(await saved('bad.zip', archive), api)).rejects.toThrow(`The archive ${why}`);
    expect(sent).toEqual([]);
  });

  it('of a folder of more files than a process may have open takes all', async () => {
    const many = join(folder, 'many');
    await mkdir(many);
    for (let at = 0; at < 3_000; at += 1) await writeFile(join(many, `${at}.yml`), 'x');
    const module = pathToFileURL(join(import.meta.dirname, '../../replay/rule-files.ts')).href;
    const script = `import { readRuleFiles } from '${module}'; console.log((await readRuleFiles('${many}')).length)`;
    const args = ['-c', 'ulimit -n 256; exec "$@"', 'sh', process.execPath, '--import', register];
    const { stdout } = await run('sh', [...args, '--input-type=module', '-e', script], {
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(stdout).toBe('3000\n');
  });

  it('of more files than rules are kept is refused before any is sent', async () => {
    expect(RULES_MAX).toBe(IMPORTED_RULES_MAX);
    const files = Object.fromEntries(Array.from({ length: RULES_MAX + 1 }, (_, at) => [`${at}.yml`, 'x']));
    await expect(importRules(await saved('most.zip', zipOf(files, 0)), api)).rejects.toThrow(
      'holds 5001 rule files, 5000 rules are kept: import a part of them',
    );
    expect(sent).toEqual([]);
  });

  it.each([
    ['/dev/zero', '"/dev/zero" is neither a folder nor a file'],
    ['/dev/zero/a.zip', 'does not exist'],
    ['', '"" does not exist'],
    ['nowhere', '"nowhere" does not exist'],
    ['nowhere.zip', '"nowhere.zip" does not exist'],
  ])('of "%s" says what is wrong with it', async (path, why) => {
    await expect(importRules(path, api)).rejects.toThrow(why);
    await expect(importRules(path, api)).rejects.toThrow(NornError);
  });

  it('says how many symbolic links it leaves out', async () => {
    const linked = join(folder, 'linked');
    await mkdir(linked);
    await writeFile(join(linked, 'a.yml'), 'a');
    for (const name of ['b.yml', 'c.yml']) await symlink(join(linked, 'a.yml'), join(linked, name));
    const said = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await importRules(linked, api)).toMatchObject({ imported: 1 });
    expect(said.mock.calls.join('')).toContain('2 symbolic links');
    said.mockRestore();
  });

  it('of a file without an end reads no more of it than shows that it is too long', async () => {
    const huge = join(folder, 'huge.yml');
    await writeFile(huge, '');
    await truncate(huge, 2 ** 40);
    expect((await importRules(huge, api)).files[0]?.error).toContain('is longer than 65536 characters');
  });

  it('of an archive without rules says so', async () => {
    await expect(importRules(await saved('none.zip', zipOf({ 'a.txt': 'a' })), api)).rejects.toThrow('holds no rules');
  });
});
