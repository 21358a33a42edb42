// What is known of hosts, whoever told it.
import type { HostDirectory } from '@norn/enrichers';

export interface Directories {
  /** `hostKey` is a record's key. `undefined` when the host has not told anything yet: nobody waits for it. */
  directoryOf(hostKey: string): HostDirectory | undefined;
}
