// Whose word hosts take for what stands behind a command.
import type { agent } from '@norn/contracts';

export interface SignerFeed {
  keys(): agent.SignerKeys;
  /** Looks for others; whether there are. */
  refresh(): boolean;
}
