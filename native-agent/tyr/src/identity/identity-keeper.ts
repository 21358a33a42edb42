// Gets this host its identity and keeps it valid: enrols until it succeeds, renews at two thirds of a certificate's life.
import { NornError, messageOf } from '@norn/base';
import type { agent, event } from '@norn/contracts';
import { takeCommandKeys } from '@norn/response/agent';
import type { Logger } from 'pino';
import { BackOff } from '../back-off.ts';
import { limits } from '../limits.ts';
import type { Target } from '../uplink/ingest-peers.ts';
import type { TyrConfig } from '../tyr.config.ts';
import { enrol, renew } from './enrol.ts';
import { authoritiesOf, hostKeysOf, isIssuedBy } from './host-keys.ts';
import { type Identity, type IdentityFile, renewAtMs } from './identity-file.ts';
import { machineId } from './machine-id.ts';

export interface IdentityEvents {
  readonly onEnrolled: () => void;
  readonly onRenewed: () => void;
}

/** Asks for an identity once, by the key of the previous one, else by the join token; keeps nothing. */
export function enrolThisMachine(config: TyrConfig, previous?: Identity): Promise<Identity> {
  const { agentDir, agentInside } = config;
  // The machine's id is that of every container on it.
  const machine = agentInside ? machineId(agentDir, '') : machineId(agentDir);
  return enrol({ ...config, machineId: machine, previous });
}

/** Looked at this often rather than slept until: clocks jump and machines are suspended. */
const checkEveryMs = 30_000;

export class IdentityKeeper {
  private readonly backOff = new BackOff(limits.reconnectWait);
  private current: Identity | undefined;
  private events: IdentityEvents = { onEnrolled: () => undefined, onRenewed: () => undefined };
  private timer: NodeJS.Timeout | undefined;
  private isBusy = false;
  private isWoken = false;
  /** PEM of the authority that issues now, as the installation said; empty: it has not. */
  private issuing = '';
  /** The one that it has a certificate of, or got none of when it asked. */
  private asked = '';
  private mustEnrol = false;
  private stopped = false;

  constructor(
    private readonly config: TyrConfig,
    private readonly file: IdentityFile,
    private readonly ingest: () => Target,
    private readonly logger: Logger,
  ) {}

  start(events: IdentityEvents): void {
    this.events = events;
    this.current = this.file.read();
    if (this.current !== undefined) events.onEnrolled();
    void this.keep();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /**
   * What the installation says of its keys on a connection on which it has shown who it is. Command keys are taken only when a key that counts has
   * signed them. Returns whether the host goes by others than before.
   */
  learn(told: agent.InstallationKeys): boolean {
    const before = this.identity();
    const { held: commandKeys, refused } = takeCommandKeys(before.commandKeys, told.commandKeys);
    if (refused) {
      const code = 'command_keys_refused';
      this.logger.error({ code }, 'command keys refused: no key that counts here has signed them');
    }
    const authorityPem = authoritiesOf(told) ?? before.authorityPem;
    this.issuing = told.issuingAuthority;
    const isOther = commandKeys !== before.commandKeys || authorityPem !== before.authorityPem;
    if (isOther) {
      this.take({ ...before, commandKeys, authorityPem });
      this.logger.info({ commandKeys: commandKeys.number }, 'keys of the installation taken');
    }
    if (this.isOfAnotherAuthority(before)) this.wake();
    return isOther;
  }

  /** Throws before enrolment: nothing that needs an identity runs by then. */
  identity(): Identity {
    if (this.current === undefined) throw new NornError('not_enrolled', 'This host is not enrolled yet');
    return this.current;
  }

  /** Its certificate lets it in no more, whenever it expires: with its key it asks for one that does. */
  enrolSoon(): void {
    if (this.mustEnrol) return;
    this.mustEnrol = true;
    this.wake();
  }

  /** What the installation is told of them; undefined before enrolment. */
  hostKeys(): event.HostKeys | undefined {
    return this.current && hostKeysOf(this.current);
  }

  private async keep(): Promise<void> {
    this.isBusy = true;
    this.isWoken = false;
    let waitMs = checkEveryMs;
    try {
      const { current } = this;
      if (current === undefined || current.expiresAtMs <= Date.now() || this.mustEnrol) await this.enrol();
      else if (renewAtMs(current) <= Date.now() || this.isOfAnotherAuthority(current)) await this.renew(current);
      this.backOff.reset();
    } catch (error) {
      waitMs = this.backOff.nextMs();
      const code = error instanceof NornError ? error.code : 'identity_failed';
      this.logger.error({ code, waitMs }, messageOf(error));
    }
    this.isBusy = false;
    if (!this.stopped) this.timer = setTimeout(() => void this.keep(), this.wasWoken() ? 0 : waitMs);
  }

  /** A call, so that the compiler does not take what `wake` changes for constant. */
  private wasWoken(): boolean {
    return this.isWoken;
  }

  private wake(): void {
    this.isWoken = true;
    if (this.isBusy || this.stopped) return;
    clearTimeout(this.timer);
    void this.keep();
  }

  private isOfAnotherAuthority(identity: Identity): boolean {
    return this.issuing !== this.asked && !isIssuedBy(identity, this.issuing);
  }

  private async enrol(): Promise<void> {
    const before = this.current;
    const enrolled = await enrolThisMachine(this.config, before);
    // Also at its enrolment nobody hands another command key to a host that has one.
    const isSame = before !== undefined && before.hostId === enrolled.hostId && before.tenantId === enrolled.tenantId;
    this.mustEnrol = false;
    this.take(isSame ? { ...enrolled, commandKeys: this.identity().commandKeys } : enrolled);
    this.logger.info({ host: this.current?.hostId, tenant: this.current?.tenantId }, 'enrolled');
    if (before === undefined) this.events.onEnrolled();
    else this.events.onRenewed();
  }

  private async renew(identity: Identity): Promise<void> {
    const { issuing } = this;
    const renewed = await renew(this.ingest(), identity);
    this.asked = issuing;
    // What it has learned meanwhile stays.
    const { commandKeys, authorityPem } = this.identity();
    this.take({ ...renewed, commandKeys, authorityPem });
    this.logger.info({ host: identity.hostId }, 'certificate renewed');
    this.events.onRenewed();
  }

  /** In effect also where the disk does not take it: until it does, a restart falls back to the one before. */
  private take(identity: Identity): void {
    this.current = identity;
    try {
      this.file.write(identity);
    } catch (error) {
      this.logger.error({ code: 'identity_not_kept', err: error }, messageOf(error));
    }
  }
}
