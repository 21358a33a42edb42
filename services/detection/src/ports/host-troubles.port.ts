// Hosts from which nothing is heard, or only that nothing protects them.
import type { HostTroubleRow } from '@norn/store';

export type HostTrouble = HostTroubleRow;

export interface HostTroubles {
  /** Those that were not told of yet. */
  find(): Promise<HostTrouble[]>;
  /** They stand in the log. */
  told(troubles: readonly HostTrouble[]): Promise<void>;
}
