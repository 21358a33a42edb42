import { copyFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { catchesOf, withCatches } from './class-file.ts';
import { provideKafkaJars } from './kafka.install.ts';
import { mends, readClasses, writeMends } from './mends.ts';

describe('the mends of Kafka', () => {
  let folder: string;
  let jars: string;
  let storage: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'norn-mends-'));
    jars = await provideKafkaJars();
    storage = (await readdir(jars)).find((name) => name.startsWith('kafka-storage-4')) ?? '';
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('change what is caught in two methods, and nothing else', async () => {
    const mended = join(folder, 'mends.jar');
    await writeMends(jars, mended);
    const [before, after] = [await readClasses(join(jars, storage)), await readClasses(mended)];
    const caught = mends.map(({ className, method }) =>
      [before, after].map((classes) =>
        catchesOf(classes.get(`${className}.class`)!, method).map(({ exception }) => exception.split('/').at(-1)),
      ),
    );
    expect(caught).toEqual([
      [['InvalidOffsetException', 'IOException'], ['InvalidOffsetException']],
      [
        ['CorruptRecordException', 'InvalidRecordException'],
        ['CorruptRecordException', 'InvalidOffsetException', 'InvalidRecordException'],
      ],
    ]);
    for (const { className, method } of mends) {
      const original = before.get(`${className}.class`)!;
      expect(withCatches(original, method, catchesOf(original, method))).toEqual(original);
    }
  });

  it('refuse classes that they were not made for', async () => {
    await expect(writeMends(folder, join(folder, 'none.jar'))).rejects.toMatchObject({ code: 'mend_unfit' });
    await copyFile(join(jars, storage.replace('storage', 'raft')), join(folder, storage));
    await expect(writeMends(folder, join(folder, 'none.jar'))).rejects.toThrow('there is no org/apache/kafka/storage');
    await writeFile(join(folder, storage), (await readFile(join(jars, storage))).subarray(0, 1000));
    await expect(writeMends(folder, join(folder, 'none.jar'))).rejects.toThrow();
    const loader = (await readClasses(join(jars, storage))).get(`${mends[0]!.className}.class`)!;
    expect(() => catchesOf(loader, 'recoverAll')).toThrow('it has no method recoverAll with code');
  });
});
