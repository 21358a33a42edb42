// How ransomware and wipers write: the modes of `norn-attack ransomware`.

export const modes = [
  'in-place',
  'write-new-unlink',
  'write-new-rename-over',
  'rename-then-write',
  'partial',
  'mmap',
  'truncate-then-write',
  'ftruncate-then-write',
  'truncate-path-then-write',
  'threads',
  'process-per-file',
  'fork-tree',
  'slow',
  'low-entropy',
  'io-uring',
  'hole-punch',
  'wiper-unlink',
  'wiper-overwrite',
  'wiper-truncate',
  'wiper-ftruncate',
  'wiper-truncate-path',
  'move-directories',
  'elsewhere-rename',
  'elsewhere-mv',
  'elsewhere-copy',
  'copy-file-range',
  'sendfile',
] as const;

export type Mode = (typeof modes)[number];

/** What the kernel may refuse is asked for before anything is attacked. */
export function mayBeRefused(mode: Mode): boolean {
  return mode === 'io-uring';
}

/** "encrypts files of many kinds and drops notes". */
export function deedOf(mode: Mode): string {
  return mode.startsWith('wiper-') ? 'wipes files of many kinds' : 'encrypts files of many kinds and drops notes';
}
