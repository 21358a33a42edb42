// Compares a corpus with the manifest taken before the attack: content, mode, owner, mtime, extended attributes.

/** One file as `norn-attack manifest` prints it. */
export type ManifestEntry = Readonly<Record<string, unknown>>;
export type Manifest = Readonly<Record<string, ManifestEntry>>;

export interface Verdict {
  readonly identical: boolean;
  readonly files: number;
  /** "accounts/order-0001.csv: content, mtime_ns", "x.locked: not there before", at most `differencesMax`. */
  readonly differences: readonly string[];
}

const differencesMax = 50;

export function compareManifests(before: Manifest, after: Manifest): Verdict {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const differences = paths.flatMap((path) => difference(path, before[path], after[path]));
  return {
    identical: differences.length === 0,
    files: Object.values(before).filter(({ kind }) => kind === 'file').length,
    differences: differences.slice(0, differencesMax),
  };
}

function difference(path: string, before?: ManifestEntry, after?: ManifestEntry): string[] {
  if (!before) return [`${path}: not there before`];
  if (!after) return [`${path}: gone`];
  const changed = Object.keys(before).filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
  return changed.length === 0 ? [] : [`${path}: ${changed.join(', ')}`];
}
