// Bits of the columns of flags as the words that rules use.
import { event } from '@norn/contracts';

const { ExecFlag, ImageFlag } = event;

/** Bit and word. */
export type FlagNames = readonly (readonly [number, string])[];

export const imageFlagNames: FlagNames = [
  [ImageFlag.UPPER_LAYER, 'upper-layer'],
  [ImageFlag.MEMFD, 'memfd'],
  [ImageFlag.DELETED, 'deleted'],
  [ImageFlag.TMPFS, 'tmpfs'],
  [ImageFlag.WRITABLE, 'writable'],
  [ImageFlag.SETUID, 'setuid'],
  [ImageFlag.NEW, 'new'],
  [ImageFlag.LOWER_LAYER, 'lower-layer'],
  [ImageFlag.PACKAGED, 'packaged'],
  [ImageFlag.PACKAGED_SCRIPT, 'packaged-script'],
  [ImageFlag.INSTALLATION, 'installation'],
];

export const execFlagNames: FlagNames = [
  [ExecFlag.KILLED_AT_EXEC, 'killed-at-exec'],
  [ExecFlag.RUNTIME_COPY, 'runtime-copy'],
  [ExecFlag.LOGIN_CHANGED, 'login-changed'],
];

/** open(2) flags on x86-64 and arm64 Linux; the access mode is the lowest two bits. */
export const openFlagNames: FlagNames = [
  [0o100, 'create'],
  [0o200, 'exclusive'],
  [0o1000, 'truncate'],
  [0o2000, 'append'],
];

export function namesOf(bits: number, names: FlagNames): string[] {
  return names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

/** The reverse. Throws for a word that there is not. */
export function bitsOf(names: readonly string[], table: FlagNames): number {
  return names.reduce((sum, name) => {
    const bit = table.find(([, known]) => known === name)?.[0];
    if (bit === undefined)
      throw new RangeError(`Flag "${name}" does not exist: known are ${table.map(([, known]) => known).join(', ')}`);
    return sum | bit;
  }, 0);
}

const imageFlags = new Map<number, readonly string[]>();
const namedBits = imageFlagNames.reduce((sum, [bit]) => sum | bit, 0);
/** 2048 combinations at most, each named once. */
export function imageFlagTexts(bits: number): readonly string[] {
  const known = imageFlags.get(bits & namedBits);
  if (known) return known;
  const named = namesOf(bits, imageFlagNames);
  imageFlags.set(bits & namedBits, named);
  return named;
}
