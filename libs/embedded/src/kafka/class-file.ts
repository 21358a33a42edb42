// Which exceptions a method of a Java class catches, read and changed in its class file (Java Virtual Machine Specification, chapter 4).
import { NornError } from '@norn/base';

/** One line of a method's exception table: what is thrown between `from` and `to` goes to `handler`. */
export interface Catch {
  readonly from: number;
  readonly to: number;
  readonly handler: number;
  /** "java/io/IOException"; empty: whatever is thrown. */
  readonly exception: string;
}

interface Constants {
  /** Names of classes and other texts, by their number. */
  readonly texts: ReadonlyMap<number, string>;
  /** The number of a class's text, by the class's own. */
  readonly classes: ReadonlyMap<number, number>;
  readonly count: number;
  /** The byte behind the last one. */
  readonly end: number;
}

interface Code {
  /** Where the attribute's length stands, and where its table begins, with the number of its lines. */
  readonly lengthAt: number;
  readonly tableAt: number;
}

const countAt = 8;
const tags = { text: 1, long: 5, double: 6, class: 7 };
/** Bytes of a constant behind its tag; a text has its length before it. */
const constantBytes: Readonly<Record<number, number>> = {
  3: 4,
  4: 4,
  5: 8,
  6: 8,
  7: 2,
  8: 2,
  9: 4,
  10: 4,
  11: 4,
  12: 4,
  15: 3,
  16: 2,
  17: 4,
  18: 4,
  19: 2,
  20: 2,
};
const lineBytes = 8;
/** Length, greatest stack and number of variables stand before the number of bytes of code. */
const codeHeadBytes = 4 + 2 + 2;
/** Flags, name and descriptor stand before the attributes of a field or a method. */
const memberHeadBytes = 6;

/** Throws `class_malformed` where there is no such method with code. */
export function catchesOf(classFile: Buffer, method: string): Catch[] {
  const constants = readConstants(classFile);
  const { tableAt } = findCode(classFile, constants, method);
  return readTable(classFile, constants, tableAt);
}

/** The class with another exception table in that method; in it, only what is caught may be new, and no code. */
export function withCatches(classFile: Buffer, method: string, wanted: readonly Catch[]): Buffer {
  const constants = readConstants(classFile);
  const { lengthAt, tableAt } = findCode(classFile, constants, method);
  const numbers = new Map([...constants.classes].map(([number, text]) => [constants.texts.get(text) ?? '', number]));
  const added: Buffer[] = [];
  const numberOf = (name: string): number => {
    const known = name === '' ? 0 : numbers.get(name);
    if (known !== undefined) return known;
    const number = constants.count + added.length;
    added.push(textConstant(name), classConstant(number));
    numbers.set(name, number + 1);
    return number + 1;
  };
  const table = Buffer.concat([
    uint16(wanted.length),
    ...wanted.flatMap(({ from, to, handler, exception }) =>
      [from, to, handler, numberOf(exception)].map((each) => uint16(each)),
    ),
  ]);
  const linesBefore = classFile.readUInt16BE(tableAt);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(classFile.readUInt32BE(lengthAt) + (wanted.length - linesBefore) * lineBytes);
  return Buffer.concat([
    classFile.subarray(0, countAt),
    uint16(constants.count + added.length),
    classFile.subarray(countAt + 2, constants.end),
    ...added,
    classFile.subarray(constants.end, lengthAt),
    length,
    classFile.subarray(lengthAt + 4, tableAt),
    table,
    classFile.subarray(tableAt + 2 + linesBefore * lineBytes),
  ]);
}

function readConstants(classFile: Buffer): Constants {
  const count = classFile.readUInt16BE(countAt);
  const texts = new Map<number, string>();
  const classes = new Map<number, number>();
  let at = countAt + 2;
  for (let number = 1; number < count; number += 1) {
    const tag = classFile.readUInt8(at);
    const body = at + 1;
    if (tag === tags.text) {
      const bytes = classFile.readUInt16BE(body);
      texts.set(number, classFile.toString('utf8', body + 2, body + 2 + bytes));
      at = body + 2 + bytes;
      continue;
    }
    const bytes = constantBytes[tag];
    if (bytes === undefined) throw malformed(`constant ${number} is of an unknown kind, ${tag}`);
    if (tag === tags.class) classes.set(number, classFile.readUInt16BE(body));
    at = body + bytes;
    // The next number is never used (4.4.5).
    if (tag === tags.long || tag === tags.double) number += 1;
  }
  return { texts, classes, count, end: at };
}

function findCode(classFile: Buffer, { texts, end }: Constants, method: string): Code {
  // Flags, the class itself and its parent; then what it implements.
  let at = end + 6;
  at += 2 + 2 * classFile.readUInt16BE(at);
  for (const kind of ['field', 'method']) {
    const members = classFile.readUInt16BE(at);
    at += 2;
    for (let member = 0; member < members; member += 1) {
      const isWanted = kind === 'method' && texts.get(classFile.readUInt16BE(at + 2)) === method;
      at += memberHeadBytes;
      const attributes = classFile.readUInt16BE(at);
      at += 2;
      for (let attribute = 0; attribute < attributes; attribute += 1) {
        const lengthAt = at + 2;
        if (isWanted && texts.get(classFile.readUInt16BE(at)) === 'Code') {
          const codeBytes = classFile.readUInt32BE(lengthAt + codeHeadBytes);
          return { lengthAt, tableAt: lengthAt + codeHeadBytes + 4 + codeBytes };
        }
        at = lengthAt + 4 + classFile.readUInt32BE(lengthAt);
      }
    }
  }
  throw malformed(`it has no method ${method} with code`);
}

function readTable(classFile: Buffer, { texts, classes }: Constants, tableAt: number): Catch[] {
  return Array.from({ length: classFile.readUInt16BE(tableAt) }, (_, line) => {
    const at = tableAt + 2 + line * lineBytes;
    const exception = texts.get(classes.get(classFile.readUInt16BE(at + 6)) ?? 0) ?? '';
    return {
      from: classFile.readUInt16BE(at),
      to: classFile.readUInt16BE(at + 2),
      handler: classFile.readUInt16BE(at + 4),
      exception,
    };
  });
}

function textConstant(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.of(tags.text), uint16(bytes.length), bytes]);
}

function classConstant(text: number): Buffer {
  return Buffer.concat([Buffer.of(tags.class), uint16(text)]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function malformed(why: string): NornError {
  return new NornError('class_malformed', `The class can not be mended, ${why}: see libs/embedded/src/kafka/mends.ts`);
}
