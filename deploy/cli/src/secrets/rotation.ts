// A key that takes another's place: what both kinds have in common, and in which order it goes.
import type { HostKeysRow } from '@norn/store';

/**
 * `steady`: one key. `announced`: the other is known beside it, and the old one is in use. `turned`: the new one is in use, the old one counts still.
 * `announcing` and `finishing`: it was interrupted before that was written down as a whole, and is gone on with by the same command.
 */
export type Phase = 'steady' | 'announcing' | 'announced' | 'turned' | 'finishing';

export type RotatedKey = 'command' | 'authority';

/** Over the files of an installation's secrets. Each step is either done or can be done again. */
export interface Rotation {
  readonly key: RotatedKey;
  phase(): Phase;
  /** Which key is in use, and which stands beside it; hex. */
  inUse(): string;
  beside(): string;
  /** `steady` or `announcing` becomes `announced`. */
  announce(): Promise<void>;
  /** `announced` becomes `turned`. */
  turn(): Promise<void>;
  /** `turned` becomes `announced`. */
  back(): Promise<void>;
  /** The one that is in use stays alone. `forget`: what the other issued says nothing any more. */
  finish(forget: boolean): Promise<void>;
  /** The host goes by the keys that count now, no more and no less. */
  follows(host: HostKeysRow): boolean;
  /** Why the host would be lost if the one that is not in use counted no more; empty: it would not. */
  lossOf(host: HostKeysRow, now: Date): string;
  /** The host goes by a key that is not in these files: they are not those of its installation, or not its newest. */
  isStrange(host: HostKeysRow): boolean;
  /** Unix ms: since when the one in use is. */
  inUseSinceMs(): number;
  /** Unix ms: when the last step was done. What hosts said before that says nothing of it. */
  changedAtMs(): number;
}
