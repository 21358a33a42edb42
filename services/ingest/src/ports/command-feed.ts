// Commands on their way to hosts: every instance of ingest sees all of them and delivers those of the hosts connected to it.
import type { action } from '@norn/contracts';

export interface AddressedCommand {
  readonly tenantId: string;
  readonly hostId: string;
  readonly signed: action.SignedCommand;
}

export interface CommandFeed {
  /** From now on; what came before is dispatched again by remediation while it matters. */
  start(deliver: (command: AddressedCommand) => void): Promise<void>;
  close(): Promise<void>;
}
