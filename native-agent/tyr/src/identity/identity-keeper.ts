// Gets this host its identity and keeps it valid: enrols until it succeeds, renews at two thirds of a certificate's life.
import { NornError, messageOf } from '@norn/base';
import type { Logger } from 'pino';
import { BackOff } from '../back-off.ts';
import { limits } from '../limits.ts';
import type { Target } from '../uplink/ingest-peers.ts';
import type { TyrConfig } from '../tyr.config.ts';
import { enrol, renew } from './enrol.ts';
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
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    private readonly config: TyrConfig,
    private readonly file: IdentityFile,
    private readonly ingest: () => Target,
    private readonly logger: Logger,
  ) {}

  start(events: IdentityEvents): void {
    this.current = this.file.read();
    if (this.current !== undefined) events.onEnrolled();
    void this.keep(events);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Throws before enrolment: nothing that needs an identity runs by then. */
  identity(): Identity {
    if (this.current === undefined) throw new NornError('not_enrolled', 'This host is not enrolled yet');
    return this.current;
  }

  private async keep(events: IdentityEvents): Promise<void> {
    let waitMs = checkEveryMs;
    try {
      if (this.current === undefined || this.current.expiresAtMs <= Date.now()) await this.enrol(events);
      else if (renewAtMs(this.current) <= Date.now()) await this.renew(this.current, events);
      this.backOff.reset();
    } catch (error) {
      waitMs = this.backOff.nextMs();
      const code = error instanceof NornError ? error.code : 'identity_failed';
      this.logger.error({ code, waitMs }, messageOf(error));
    }
    if (!this.stopped) this.timer = setTimeout(() => void this.keep(events), waitMs);
  }

  private async enrol(events: IdentityEvents): Promise<void> {
    const isFirst = this.current === undefined;
    this.take(await enrolThisMachine(this.config, this.current));
    this.logger.info({ host: this.current?.hostId, tenant: this.current?.tenantId }, 'enrolled');
    if (isFirst) events.onEnrolled();
    else events.onRenewed();
  }

  private async renew(identity: Identity, events: IdentityEvents): Promise<void> {
    this.take(await renew(this.ingest(), identity));
    this.logger.info({ host: identity.hostId }, 'certificate renewed');
    events.onRenewed();
  }

  private take(identity: Identity): void {
    this.file.write(identity);
    this.current = identity;
  }
}
