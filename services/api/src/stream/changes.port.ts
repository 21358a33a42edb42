// Who hears of changes of alerts, commands and hosts as they are committed.
import type { Change } from '@norn/store';

/** `missed`: changes may have gone by unheard; whoever listens should look at everything again. */
export type ChangeListener = (change: Change | 'missed') => void;

export abstract class Changes {
  /** Hears of one tenant's changes until the returned function is called. Throws `streams_exhausted` beyond the bound. */
  abstract subscribe(tenantId: string, listener: ChangeListener): () => void;
  abstract close(): Promise<void>;
}
