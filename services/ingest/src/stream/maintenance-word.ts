// By what a host knows who may stop its agent: said once on each connection, when what the host says of its last stop has used up the token before.
import { toHex } from '@norn/base';
import { event, maintenanceDigest } from '@norn/contracts';
import type { HostRegistry, TokenStop } from '../ports/host-registry.ts';
import type { Peer } from './peer.ts';

const runBytes = 16;
const proofBytes = 32;

export interface MaintenanceWordParts {
  readonly peer: Peer;
  readonly registry: Pick<HostRegistry, 'maintenanceToken' | 'redeemToldLater'>;
  readonly say: (tokenSha256: Uint8Array) => void;
  readonly onError: (error: unknown) => void;
}

/** Of one connection of a machine. */
export class MaintenanceWord {
  private isSaid = false;

  constructor(private readonly parts: MaintenanceWordParts) {}

  /** While the control plane is away the host keeps what it was told before; its next facts ask again. */
  async hear({ leaving, tokenStop }: event.HostFacts): Promise<void> {
    // One that goes may be using its token up: the next run is told.
    if (this.isSaid || leaving !== event.Leaving.UNSPECIFIED) return;
    this.isSaid = true;
    const { peer, registry, say, onError } = this.parts;
    try {
      const stop = tokenStop && stopOf(tokenStop);
      if (stop) await registry.redeemToldLater(peer, stop);
      const token = await registry.maintenanceToken(peer);
      if (token !== undefined) say(maintenanceDigest(token));
    } catch (error) {
      this.isSaid = false;
      onError(error);
    }
  }
}

/** Undefined of what can be none. */
function stopOf({ runId, proof }: event.TokenStop): TokenStop | undefined {
  const isWhole = runId.byteLength === runBytes && proof.byteLength === proofBytes;
  return isWhole ? { run: toHex(runId), proof: toHex(proof) } : undefined;
}
