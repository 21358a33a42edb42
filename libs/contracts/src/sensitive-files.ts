// Which files the sensor tells of when they are opened for reading: sensitive-files.json, as the kernel side goes by it.
import entries from './sensitive-files.json' with { type: 'json' };
import { SensitiveFile } from './gen/norn/event/v1/event_pb.ts';

interface Entry {
  readonly class: string;
  readonly directory?: string;
  readonly names?: readonly string[];
  readonly except?: readonly string[];
}

/** Words of rules for each class: `password-hash` for PASSWORD_HASH. */
export const sensitiveFileNames: ReadonlyMap<number, string> = new Map(
  Object.entries(SensitiveFile)
    .filter((entry): entry is [string, SensitiveFile] => typeof entry[1] === 'number')
    .filter(([, value]) => value !== SensitiveFile.UNSPECIFIED)
    .map(([name, value]) => [value, name.toLowerCase().replaceAll('_', '-')]),
);

const classes = new Map<string, number>(entries.flatMap(keysOf));

/** The directory's name and the file's, or one of them: any. */
function keyOf(directory: string, name: string): string {
  return `${directory}/${name}`;
}

function keysOf({ class: word, directory = '', names, except = [] }: Entry): [string, number][] {
  const [value = SensitiveFile.UNSPECIFIED] = [...sensitiveFileNames].find(([, name]) => name === word) ?? [];
  const named = (names ?? ['']).map((name): [string, number] => [keyOf(directory, name), value]);
  return [...named, ...except.map((name): [string, number] => [keyOf(directory, name), SensitiveFile.UNSPECIFIED])];
}

/** What a file of that path holds, SensitiveFile; UNSPECIFIED when reading it is not told. */
export function sensitiveFileOf(path: string): number {
  const [name = '', ...above] = path.split('/').reverse();
  // Kubernetes swaps a directory "..2026_01_31" when it renews a volume.
  const parent = above.find((each) => !each.startsWith('..')) ?? '';
  const directory = path.startsWith('/proc/') ? 'proc' : parent;
  const found = [keyOf(directory, name), keyOf('', name), keyOf(directory, '')].map((key) => classes.get(key));
  return found.find((value) => value !== undefined) ?? SensitiveFile.UNSPECIFIED;
}
