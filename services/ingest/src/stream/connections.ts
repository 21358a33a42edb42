// The hosts connected to this instance; one connection a host, the newest wins.
import { status } from '@grpc/grpc-js';
import type { agent } from '@norn/contracts';
import { limits } from '../limits.ts';
import type { AddressedCommand } from '../ports/command-feed.ts';
import type { Admission } from './admission.ts';
import type { HostStream } from './host-stream.ts';
import { keyOf } from './peer.ts';

export class Connections {
  private readonly streams = new Map<string, HostStream>();

  get size(): number {
    return this.streams.size;
  }

  add(stream: HostStream): void {
    const key = keyOf(stream.peer);
    const older = this.streams.get(key);
    this.streams.set(key, stream);
    older?.fail(status.ABORTED, 'superseded: the same host has connected again');
  }

  remove(stream: HostStream): void {
    const key = keyOf(stream.peer);
    if (this.streams.get(key) === stream) this.streams.delete(key);
  }

  /** A host that is not connected here is another instance's, or away: remediation dispatches again until the command expires. */
  deliver(command: AddressedCommand): void {
    this.streams.get(keyOf(command))?.sendCommand(command.signed);
  }

  /** To all: a key was added or taken out. */
  tellSigners(keys: agent.SignerKeys): void {
    for (const stream of this.streams.values()) stream.sendSigners(keys);
  }

  /** To all, one after the other: other keys count, or another authority issues. */
  tellKeys(keys: agent.InstallationKeys): void {
    for (const [place, stream] of [...this.streams.values()].entries()) {
      const tell = (): void => {
        if (!stream.hasEnded()) stream.sendKeys(keys);
      };
      setTimeout(tell, place * limits.keysToldEveryMs).unref();
    }
  }

  ofTenant(tenantId: string): HostStream[] {
    return [...this.streams.values()].filter(({ peer }) => peer.tenantId === tenantId);
  }

  /** Ends the connections of hosts that were revoked or whose certificate expired since they connected. */
  async recheck(admission: Admission, onError: (error: unknown) => void): Promise<void> {
    for (const stream of [...this.streams.values()]) {
      if (stream.hasEnded()) continue;
      try {
        const refusal = await admission.refusalOf(stream.peer);
        if (refusal === undefined) continue;
        stream.fail(status.PERMISSION_DENIED, `${refusal}: connect with a valid certificate`);
        await admission.auditRefusal(stream.peer, refusal, onError);
      } catch (error) {
        // The control plane is away: who is connected stays, who is new waits.
        onError(error);
        return;
      }
    }
  }

  closeAll(): void {
    for (const stream of [...this.streams.values()]) stream.end(status.UNAVAILABLE, 'closing: connect again');
  }
}
