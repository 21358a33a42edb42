// Whether a host may talk to the installation: taken from it here, given by an invitation.
import { Injectable } from '@nestjs/common';
import { removeHost, revokeHost, setMaintenance, showMaintenanceToken } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';

@Injectable()
export class HostAccessService {
  constructor(private readonly database: DataSource) {}

  /** Throws `host_unknown`. */
  revoke({ tenantId, userName }: Principal, hostId: string): Promise<void> {
    return revokeHost(this.database, { tenantId, actor: userName, hostId });
  }

  /** Nobody misses it for so long; `undefined` ends that. Throws `host_unknown`. */
  maintain({ tenantId, userName }: Principal, hostId: string, minutes?: number): Promise<void> {
    const until = minutes === undefined ? null : new Date(Date.now() + minutes * 60_000);
    return setMaintenance(this.database, { tenantId, actor: userName, hostId }, until);
  }

  /** Throws `host_unknown`, `maintenance_token_unset`. */
  token({ tenantId, userName }: Principal, hostId: string): Promise<string> {
    return showMaintenanceToken(this.database, { tenantId, actor: userName, hostId });
  }

  /** Throws `host_unknown`. */
  remove({ tenantId, userName }: Principal, hostId: string): Promise<void> {
    return removeHost(this.database, { tenantId, actor: userName, hostId });
  }
}
