// Who is connected, and who says that nothing protects it: written to the control plane, where a host that is missing is missed.
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { toHex } from '@norn/base';
import { event } from '@norn/contracts';
import { limits } from '../limits.ts';
import type { HeardHosts, HostRegistry } from '../ports/host-registry.ts';
import { type Peer, keyOf } from './peer.ts';

const { Leaving } = event;
/** Of a maintenance token. */
const proofBytes = 32;
const leavings = { [Leaving.UNSPECIFIED]: '', [Leaving.STOPPED]: 'stopped', [Leaving.SHUTDOWN]: 'shutdown' } as const;
const countMax = BigInt(Number.MAX_SAFE_INTEGER);

type PresenceChange = HeardHosts['presence'][number];
type ProtectionChange = HeardHosts['protection'][number];

/** Changes wait here while the control plane is away, the newest of each host; it then learns all of them in one. */
export class Presence {
  private readonly instance = randomUUID();
  private presence = new Map<string, PresenceChange>();
  private protection = new Map<string, ProtectionChange>();
  /** The newest connection of each host that has one here, and what it said last. */
  private readonly here = new Map<string, { readonly connection: string; said?: ProtectionChange }>();
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private away = false;

  constructor(
    private readonly registry: Pick<HostRegistry, 'writeHeard'>,
    private readonly onError: (error: unknown) => void,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.writing ??= this.write();
    }, limits.presenceEveryMs);
  }

  /** Resolves when it is written that all have gone, or the control plane did not take it. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
    await this.write();
  }

  /** Returns the name of the connection, by which it leaves. */
  arrive(peer: Peer): string {
    const connection = randomUUID();
    this.here.set(keyOf(peer), { connection });
    this.note(peer, connection, true);
    return connection;
  }

  leave(peer: Peer, connection: string): void {
    // Superseded: the newer one is here.
    if (this.here.get(keyOf(peer))?.connection !== connection) return;
    this.here.delete(keyOf(peer));
    this.note(peer, connection, false);
  }

  /** Of a machine: an agent in a container is not there when its container is not. */
  hear(peer: Peer, { capabilities, containerId, health, ...facts }: event.HostFacts): void {
    const baldur = capabilities.find(({ name }) => name === 'agent.baldur');
    if (baldur === undefined || containerId !== '') return;
    const here = this.here.get(keyOf(peer));
    const said: ProtectionChange = {
      hostId: peer.hostId,
      isProtected: baldur.available,
      baldurEnds: countOf(health?.baldurRestarts),
      tyrEnds: countOf(health?.tyrUncleanStarts),
      run: toHex(facts.runId),
      previousRun: toHex(facts.previousRunId),
      stopsRefused: countOf(facts.stopsRefused),
      leaving: leavings[facts.leaving],
      leavingProof: facts.leavingProof.byteLength === proofBytes ? toHex(facts.leavingProof) : '',
    };
    if (here === undefined || isDeepStrictEqual(here.said, said)) return;
    here.said = said;
    this.protection.set(keyOf(peer), said);
  }

  private note({ tenantId, hostId }: Peer, connection: string, isConnected: boolean): void {
    this.presence.set(keyOf({ tenantId, hostId }), { tenantId, hostId, connection, isConnected });
  }

  private async write(): Promise<void> {
    const { presence, protection } = this;
    this.presence = new Map();
    this.protection = new Map();
    try {
      await this.registry.writeHeard({
        instance: this.instance,
        presence: [...presence.values()],
        protection: [...protection.values()],
      });
      this.away = false;
    } catch (error) {
      // What has changed meanwhile is newer.
      this.presence = new Map([...presence, ...this.presence]);
      this.protection = new Map([...protection, ...this.protection]);
      if (!this.away) this.onError(error);
      this.away = true;
    }
    this.writing = undefined;
  }
}

/** Of what a host says, which may be anything: PostgreSQL refuses more than a bigint, and with it what was heard of all others. */
function countOf(said = 0n): number {
  return Number(said > countMax ? countMax : said);
}
