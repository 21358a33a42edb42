// Whether a host may talk to the installation: taken from it here, given by an invitation.
import { Injectable } from '@nestjs/common';
import { removeHost, revokeHost } from '@norn/store';
import { DataSource } from 'typeorm';
import type { Principal } from '../access/principal.ts';

@Injectable()
export class HostAccessService {
  constructor(private readonly database: DataSource) {}

  /** Throws `host_unknown`. */
  revoke({ tenantId, userName }: Principal, hostId: string): Promise<void> {
    return revokeHost(this.database, { tenantId, actor: userName, hostId });
  }

  /** Throws `host_unknown`. */
  remove({ tenantId, userName }: Principal, hostId: string): Promise<void> {
    return removeHost(this.database, { tenantId, actor: userName, hostId });
  }
}
