// Takes the tenant's policy from the installation, checks it, keeps it on disk for when the installation is away, and gives it to baldur.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { messageOf } from '@norn/base';
import { local, policy } from '@norn/contracts';
import {
  type PolicyRefusal,
  type PolicyVerdict,
  groupsOfHost,
  signedPolicyBytesMax,
  verifyPolicy,
} from '@norn/response/agent';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Identity } from '../identity/identity-file.ts';
import { writeFileAtomically } from '../write-file.ts';

export interface PolicyDeskOptions {
  readonly agentDir: string;
  /** Throws before enrolment. */
  readonly identity: () => Pick<Identity, 'tenantId' | 'hostId' | 'commandKeys'>;
  readonly hostname: () => string;
  readonly giveToBaldur: (policy: local.HostPolicyForHost) => void;
  /** What `status` says is another. */
  readonly onStatus: () => void;
  readonly logger: Logger;
}

const reasons: Readonly<Record<PolicyRefusal, string>> = {
  bad_signature: 'the signature is of no key that signs policies',
  wrong_tenant: 'it is for another tenant',
  fenced: 'it is older than the one that is held',
  policy_malformed: 'it is no policy this agent understands',
};

const { PolicyState } = policy;

export class PolicyDesk {
  private readonly path: string;
  private held: policy.HostPolicy | undefined;
  /** Of the key that signed it. */
  private keyId = '';
  private refused: policy.HostPolicyStatus | undefined;
  /** What baldur last said, of this run of it. */
  private said: policy.HostPolicyStatus | undefined;

  constructor(private readonly options: PolicyDeskOptions) {
    this.path = join(options.agentDir, 'host-policy.bin');
  }

  /** Once there is an identity: the one of the last run. It is verified again, for the disk may have been changed and the host enrolled anew. */
  load(): void {
    if (this.held !== undefined || !existsSync(this.path)) return;
    const { logger } = this.options;
    try {
      const bytes = readFileSync(this.path);
      if (bytes.byteLength > signedPolicyBytesMax) throw new RangeError(`${this.path} has ${bytes.byteLength} bytes`);
      const kept = fromBinary(policy.SignedPolicySchema, bytes);
      const verdict = this.verify(kept);
      if (!verdict.ok) {
        logger.error({ code: verdict.code }, `the kept policy is left out: ${reasons[verdict.code]}`);
        return;
      }
      this.held = verdict.policy;
      this.keyId = kept.keyId;
      this.give();
    } catch (error) {
      logger.error({ code: 'policy_damaged', err: error }, messageOf(error));
    }
  }

  receive(signed: policy.SignedPolicy): void {
    const verdict = this.verify(signed);
    if (!verdict.ok) {
      this.refuse(verdict);
      return;
    }
    const wasRefused = this.refused !== undefined;
    this.refused = undefined;
    // It comes again at each connection, and by another key: then that is kept, for the one before will not count any more.
    if (this.held?.epoch !== verdict.policy.epoch) {
      this.take(signed, verdict.policy);
      return;
    }
    if (this.keyId !== signed.keyId) this.keep(signed);
    if (wasRefused) this.options.onStatus();
  }

  /** To a baldur that has just connected. */
  onBaldurConnected(): void {
    this.said = undefined;
    this.give();
  }

  onBaldurStatus(status: policy.HostPolicyStatus): void {
    this.said = status;
    this.options.onStatus();
  }

  /** Undefined while no policy was ever sent; without a state while baldur has not answered. */
  status(): policy.HostPolicyStatus | undefined {
    const { held, refused, said } = this;
    if (refused !== undefined) {
      const counters = said && { denied: said.denied, unanswered: said.unanswered };
      return create(policy.HostPolicyStatusSchema, { ...refused, ...counters });
    }
    if (held === undefined || said?.epoch === held.epoch) return said;
    return create(policy.HostPolicyStatusSchema, namesOf(held));
  }

  private verify(signed: policy.SignedPolicy): PolicyVerdict {
    const { tenantId, commandKeys } = this.options.identity();
    return verifyPolicy(signed, { publicKeyPems: commandKeys.keys, tenantId, heldEpoch: this.held?.epoch });
  }

  private take(signed: policy.SignedPolicy, taken: policy.HostPolicy): void {
    this.keep(signed);
    this.held = taken;
    const { policy: name, version, epoch, rules } = taken;
    this.options.logger.info({ policy: name, version, epoch: String(epoch), rules: rules.length }, 'policy accepted');
    this.give();
    this.options.onStatus();
  }

  private keep(signed: policy.SignedPolicy): void {
    this.keyId = signed.keyId;
    try {
      writeFileAtomically(this.path, toBinary(policy.SignedPolicySchema, signed));
    } catch (error) {
      // In effect all the same; until the disk is well a restart falls back to the one before.
      this.options.logger.error({ code: 'policy_not_kept', err: error }, messageOf(error));
    }
  }

  private refuse({ code, policy: what }: Extract<PolicyVerdict, { ok: false }>): void {
    this.options.logger.warn({ code, policy: what?.policy.slice(0, 100) }, `policy refused: ${reasons[code]}`);
    const names = what && namesOf(what);
    this.refused = create(policy.HostPolicyStatusSchema, { ...names, state: PolicyState.REFUSED, code });
    this.options.onStatus();
  }

  private give(): void {
    const { held, options } = this;
    if (held === undefined) return;
    const groups = groupsOfHost(held, { id: options.identity().hostId, name: options.hostname() });
    options.giveToBaldur(create(local.HostPolicyForHostSchema, { policy: held, groups }));
  }
}

/** Of one that nobody has verified as well: cut. */
function namesOf({ policy: name, version, epoch }: policy.HostPolicy) {
  return { policy: name.slice(0, 100), version, epoch };
}
