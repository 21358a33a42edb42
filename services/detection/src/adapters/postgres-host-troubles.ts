// Hosts in trouble, as the control plane knows them from ingest.
import { hostsInTrouble, markTroublesTold } from '@norn/store';
import { limits } from '../limits.ts';
import type { HostTrouble, HostTroubles } from '../ports/host-troubles.port.ts';
import type { ControlPlane } from './control-plane.ts';

export class PostgresHostTroubles implements HostTroubles {
  constructor(private readonly control: Pick<ControlPlane, 'source'>) {}

  async find(): Promise<HostTrouble[]> {
    return hostsInTrouble(await this.control.source(), limits.watch);
  }

  async told(troubles: readonly HostTrouble[]): Promise<void> {
    await markTroublesTold(await this.control.source(), troubles);
  }
}
