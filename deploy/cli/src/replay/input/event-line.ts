// One line of JSON is one event. Few keys are enough; with all of them it says as much as a row of a batch. README.md lists them.
import { NornError, messageOf } from '@norn/base';
import { event } from '@norn/contracts';
import { z } from 'zod';

const { EventKind, ImageFlag } = event;

interface Operation {
  readonly kind: event.EventKind;
  /** When the line gives none. */
  readonly flags: number;
}

const O_WRONLY = 1;
const O_CREAT_TRUNC = 0o1100;

/** `file_open` for FILE_OPEN, and the same for every other kind. */
const kindNames = Object.entries(EventKind)
  .filter(
    (entry): entry is [string, event.EventKind] => typeof entry[1] === 'number' && entry[1] !== EventKind.UNSPECIFIED,
  )
  .map(([name, kind]): [string, Operation] => [
    name.toLowerCase(),
    { kind, flags: kind === EventKind.FILE_OPEN ? O_WRONLY : 0 },
  ]);

const operations: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ...kindNames,
  ['create', { kind: EventKind.FILE_OPEN, flags: O_WRONLY | O_CREAT_TRUNC }],
  ['open', { kind: EventKind.FILE_OPEN, flags: O_WRONLY }],
  ['rename', { kind: EventKind.FILE_RENAME, flags: 0 }],
  ['link', { kind: EventKind.FILE_LINK, flags: 0 }],
  ['symlink', { kind: EventKind.FILE_LINK, flags: 1 }],
  ['unlink', { kind: EventKind.FILE_UNLINK, flags: 0 }],
  ['rmdir', { kind: EventKind.FILE_UNLINK, flags: 1 }],
  ['trunc', { kind: EventKind.FILE_TRUNCATE, flags: 0 }],
  ['chmod', { kind: EventKind.FILE_CHMOD, flags: 0 }],
  ['chown', { kind: EventKind.FILE_CHOWN, flags: 0 }],
  ['mkdir', { kind: EventKind.FILE_MKDIR, flags: 0 }],
  ['connect', { kind: EventKind.NET_CONNECT, flags: 0 }],
  ['accept', { kind: EventKind.NET_ACCEPT, flags: 0 }],
  ['listen', { kind: EventKind.NET_LISTEN, flags: 0 }],
]);

/** `upper-layer` for UPPER_LAYER: the names that rules use. */
const imageFlagBits: ReadonlyMap<string, number> = new Map(
  Object.entries(ImageFlag)
    .filter(
      (entry): entry is [string, event.ImageFlag] => typeof entry[1] === 'number' && entry[1] !== ImageFlag.UNSPECIFIED,
    )
    .map(([name, bit]) => [name.toLowerCase().replaceAll('_', '-'), bit]),
);

const u32 = z.number().int().min(0).max(0xffff_ffff);
const text = z.string().max(65_536);
const hex64 = z.string().regex(/^[0-9a-f]{64}$/, 'is not 64 hex digits');
const oneOf = (known: ReadonlyMap<string, unknown>) =>
  z.string().refine((name) => known.has(name), {
    error: ({ input }) => `"${String(input)}" is not known: use ${[...known.keys()].join(', ')}`,
  });

const lineSchema = z.object({
  w: z.string().regex(/^[\w.-]{1,128}$/, 'is no name of letters, digits, ".", "-" and "_"'),
  seq: z.number().int().min(0).optional(),
  timeUs: z.number().int().positive().max(4_102_444_800_000_000).optional(),
  op: oneOf(operations),
  pid: u32.default(1),
  ppid: u32.optional(),
  nsPid: u32.optional(),
  image: text.optional(),
  argv: z.array(text).optional(),
  cwd: text.optional(),
  sha256: hex64.optional(),
  imageFlags: z.array(oneOf(imageFlagBits)).optional(),
  container: hex64.or(z.literal('')).optional(),
  uid: u32.optional(),
  gid: u32.optional(),
  path: text.optional(),
  old: text.optional(),
  flags: u32.optional(),
  value: z.union([z.number().int().min(0), z.string().regex(/^\d{1,19}$/, 'is no number')]).optional(),
  result: z.number().int().min(-0x8000_0000).max(0x7fff_ffff).optional(),
});

/** A line, with what its names mean. */
export type RecordedEvent = Omit<z.output<typeof lineSchema>, 'flags' | 'imageFlags' | 'value'> & {
  readonly kind: event.EventKind;
  readonly flags: number;
  /** Bits; `undefined` when the line does not say. */
  readonly imageFlags: number | undefined;
  readonly value: bigint;
};

/** Throws `replay_line_invalid` with file, line, key and cure. */
export function readEventLine(text: string, path: string, number: number): RecordedEvent {
  const refuse = (what: string, cause?: unknown): NornError =>
    new NornError('replay_line_invalid', `${path}:${number}: ${what}`, { cause });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(`not JSON (${messageOf(error)}): give one event a line, as {"w": "host", "op": "exec", …}`, error);
  }
  const line = lineSchema.safeParse(json);
  if (!line.success) throw refuse(sentenceOf(line.error));
  return toEvent(line.data);
}

function sentenceOf({ issues: [issue] }: z.ZodError): string {
  if (!issue) return 'not an event';
  const key = issue.path.join('.');
  return `${key === '' ? 'the line' : `"${key}"`} ${issue.message}`;
}

function toEvent({ imageFlags, value, ...line }: z.output<typeof lineSchema>): RecordedEvent {
  // The schema knows the same names.
  const operation = operations.get(line.op) ?? { kind: EventKind.UNSPECIFIED, flags: 0 };
  return {
    ...line,
    kind: operation.kind,
    flags: line.flags ?? operation.flags,
    imageFlags: imageFlags?.reduce((bits, name) => bits | (imageFlagBits.get(name) ?? 0), 0),
    value: BigInt(value ?? 0),
  };
}
