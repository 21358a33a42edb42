// Compares a corpus with the manifest taken before the attack. Of files: content, size, mode, owner, mtime (ns), extended
// attributes with ACLs and capabilities, hard links, and that they do not occupy more. Of symbolic links: target, owner, mtime.
// Of directories: mode, owner, attributes; not their times, which change with every entry, also with one put back.

/** One file as `norn-attack manifest` prints it. */
export type ManifestEntry = Readonly<Record<string, unknown>>;
export type Manifest = Readonly<Record<string, ManifestEntry>>;

export interface Verdict {
  readonly identical: boolean;
  readonly files: number;
  /** "accounts/order-0001.csv: content, mtime_ns", "x.locked: not there before", at most `differencesMax`. */
  readonly differences: readonly string[];
  /** How many there are. */
  readonly differing: number;
}

/** As `norn-attack manifest` printed it. Nanoseconds become strings: as numbers they would be rounded to 256. */
export function parseManifest(text: string): Manifest {
  return JSON.parse(text.replace(/"mtime_ns":(-?\d+)/g, '"mtime_ns":"$1"')) as Manifest;
}

const differencesMax = 50;
/** A file may get a block for its attributes or its extents, but its holes stay holes. */
const allocatedMoreMax = 4096;

export function compareManifests(before: Manifest, after: Manifest): Verdict {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const differences = paths.flatMap((path) => difference(path, before[path], after[path]));
  return {
    identical: differences.length === 0,
    files: Object.values(before).filter(({ kind }) => kind === 'file').length,
    differences: differences.slice(0, differencesMax),
    differing: differences.length,
  };
}

function difference(path: string, before?: ManifestEntry, after?: ManifestEntry): string[] {
  if (!before) return [`${path}: not there before`];
  if (!after) return [`${path}: gone`];
  const changed = Object.keys(before).filter((field) => !isAsBefore(field, before[field], after[field]));
  return changed.length === 0 ? [] : [`${path}: ${changed.join(', ')}`];
}

function isAsBefore(field: string, before: unknown, after: unknown): boolean {
  if (field === 'allocated') return Number(after) <= Number(before) + allocatedMoreMax;
  return JSON.stringify(before) === JSON.stringify(after);
}
