// How many connections hosts may hold, all of them and each.
import type { TLSSocket } from 'node:tls';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';
import { keyOf, peerOf } from '../stream/peer.ts';

/** One host must not take the places of all others. What is refused is counted. */
export class Seats {
  private readonly taken = new Map<string, number>();
  private all = 0;

  /** False: there is none for this host, or its certificate names none. */
  take(socket: TLSSocket): boolean {
    const peer = peerOf({ sslPeerCertificate: socket.getPeerCertificate() });
    const key = peer === undefined ? '' : keyOf(peer);
    const own = this.taken.get(key) ?? 0;
    const code = this.refusal(own);
    if (code !== undefined) {
      count(Metric.IngestConnectionsRefused, 1, { code });
      return false;
    }
    this.taken.set(key, own + 1);
    this.all += 1;
    socket.once('close', () => {
      this.leave(key);
    });
    return true;
  }

  private refusal(own: number): string | undefined {
    if (own >= limits.connectionsPerHostMax) return 'host_connections_full';
    return this.all >= limits.connectionsMax ? 'connections_full' : undefined;
  }

  private leave(key: string): void {
    this.all -= 1;
    const left = (this.taken.get(key) ?? 1) - 1;
    if (left === 0) this.taken.delete(key);
    else this.taken.set(key, left);
  }
}
