// Kafka's own faults that cost acknowledged records, mended in its classes before they are loaded: each says what is wrong, and why it matters.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { NornError } from '@norn/base';
import { fromBufferPromise } from 'yauzl';
import { type Catch, catchesOf, withCatches } from './class-file.ts';

interface Mend {
  readonly className: string;
  readonly method: string;
  /** Must be caught there before. */
  readonly expected: readonly string[];
  readonly mended: (catches: readonly Catch[]) => Catch[];
}

const log = 'org/apache/kafka/storage/internals/log';
const ioException = 'java/io/IOException';
const invalidOffset = 'org/apache/kafka/common/errors/InvalidOffsetException';
const corruptRecord = 'org/apache/kafka/common/errors/CorruptRecordException';

export const mends: readonly Mend[] = [
  {
    /**
     * A start after a crash goes over each segment that may be damaged, and writes a file beside it. Since 4.0 (KAFKA-14482) any IOException on that way
     * passes for damage, and the segment is cut to nothing: on a full disk that is the whole metadata log, without which all topics are strangers.
     * As before 4.0, only an invalid offset is damage; for all else the start fails, and the next one finds everything as it was.
     */
    className: `${log}/LogLoader`,
    method: 'recoverLog',
    expected: [invalidOffset, ioException],
    mended: (catches) => catches.filter(({ exception }) => exception !== ioException),
  },
  {
    /**
     * On a full disk a record may get into the log while its entry in the index, a page of a mapped file, does not: it is refused, and what comes next
     * has the same offset in the log. A start then meets an offset twice and cuts the segment to nothing. Everything before the second one is good and
     * nothing behind it was acknowledged: it is cut there, as with any other invalid record.
     */
    className: `${log}/LogSegment`,
    method: 'recover',
    expected: [corruptRecord],
    mended: (catches) =>
      catches.flatMap((one) => (one.exception === corruptRecord ? [one, { ...one, exception: invalidOffset }] : [one])),
  },
];

/** Writes the mended classes of `<jars>/kafka-storage-*.jar` to a jar of their own, which stands before it in the class path. Throws `mend_unfit`. */
export async function writeMends(jars: string, file: string): Promise<void> {
  const name = (await readdir(jars)).find((each) => /^kafka-storage-[\d.]+\.jar$/.test(each));
  if (name === undefined) throw unfit(`${jars} has no kafka-storage-*.jar`);
  const classes = await readClasses(join(jars, name));
  const entries = mends.map((mend) => ({ name: `${mend.className}.class`, content: mendedClass(mend, classes) }));
  await writeFile(file, jarOf(entries));
}

function mendedClass({ className, method, expected, mended }: Mend, classes: ReadonlyMap<string, Buffer>): Buffer {
  const classFile = classes.get(`${className}.class`);
  if (classFile === undefined) throw unfit(`there is no ${className}`);
  const catches = catchesOf(classFile, method);
  const caught = new Set(catches.map(({ exception }) => exception));
  if (!expected.every((exception) => caught.has(exception)))
    throw unfit(`${className}.${method} catches ${[...caught].join(', ')} instead of ${expected.join(', ')}`);
  return withCatches(classFile, method, mended(catches));
}

export async function readClasses(jar: string): Promise<Map<string, Buffer>> {
  const wanted = new Set(mends.map(({ className }) => `${className}.class`));
  const zip = await fromBufferPromise(await readFile(jar));
  const classes = new Map<string, Buffer>();
  for await (const entry of zip.eachEntry()) {
    if (!wanted.has(entry.fileName)) continue;
    classes.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  }
  return classes;
}

/** 1980-01-01, the earliest that the form knows. */
const firstDay = (1 << 5) | 1;

interface JarEntry {
  readonly name: string;
  readonly content: Buffer;
}

/** A ZIP archive whose files are not packed, without times: the same classes make the same bytes (APPNOTE 6.3, 4.3.7 to 4.3.16). */
function jarOf(entries: readonly JarEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, content } of entries) {
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(10, 4);
    head.writeUInt16LE(firstDay, 12);
    head.writeUInt32LE(crc32(content), 14);
    head.writeUInt32LE(content.length, 18);
    head.writeUInt32LE(content.length, 22);
    head.writeUInt16LE(name.length, 26);
    const line = Buffer.alloc(46);
    line.writeUInt32LE(0x02014b50, 0);
    head.copy(line, 6, 4, 30);
    line.writeUInt32LE(at, 42);
    files.push(head, Buffer.from(name), content);
    directory.push(line, Buffer.from(name));
    at += head.length + name.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...files, ...directory, end]);
}

function unfit(why: string): NornError {
  return new NornError(
    'mend_unfit',
    `Kafka's classes are not those that are mended, ${why}: look at libs/embedded/src/kafka/mends.ts before another version is taken`,
  );
}
