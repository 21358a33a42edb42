// Takes commands from the installation, checks them, gives them to baldur, and answers for those it refuses.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { messageOf } from '@norn/base';
import { action } from '@norn/contracts';
import { type CommandRefusal, type ProofKeys, verifyCommand } from '@norn/response/agent';
import type { Logger } from 'pino';
import type { Identity } from '../identity/identity-file.ts';
import type { CommandLog } from './command-log.ts';

export interface CommandDeskOptions {
  readonly identity: () => Pick<Identity, 'tenantId' | 'hostId' | 'commandKeys'>;
  /** Whose word counts for what stands behind a command. */
  readonly proofKeys: ProofKeys;
  readonly log: CommandLog;
  /** False when baldur can't be told now; it is told when it connects. */
  readonly giveToBaldur: (command: action.Command) => boolean;
  readonly report: (outcome: action.Outcome) => void;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

const reasons: Readonly<Record<CommandRefusal, string>> = {
  bad_signature: 'the signature is of no key that signs commands',
  malformed: 'it is no command this agent understands',
  wrong_tenant: 'it is for another tenant',
  wrong_host: 'it is for another host',
  expired: 'it expired before it came',
  replayed: 'it was accepted before',
  fenced: 'a newer one for the same alert was accepted before',
  finding_unproven: 'it is of a policy, and detection has signed for no finding of this host that it is about',
  person_unproven: 'it is said to be of a person, and the API has not signed for that',
};

const final = new Set([
  action.OutcomeState.SUCCEEDED,
  action.OutcomeState.FAILED,
  action.OutcomeState.EXPIRED,
  action.OutcomeState.REFUSED,
]);

/** Characters of a W3C traceparent of version 00; what is longer is none. */
const traceparentLength = 55;

/** Nothing more comes for this command. */
export function isFinal({ state }: action.Outcome): boolean {
  return final.has(state);
}

export class CommandDesk {
  constructor(private readonly options: CommandDeskOptions) {}

  receive(signed: action.SignedCommand): void {
    const { log, nowMs, logger, proofKeys } = this.options;
    const { tenantId, hostId, commandKeys } = this.options.identity();
    const verdict = verifyCommand(signed, {
      publicKeyPems: commandKeys.keys,
      proofKeys,
      tenantId,
      hostId,
      nowUs: BigInt(nowMs()) * 1000n,
      seenIds: log,
      highestEpoch: (alertId) => log.highestEpoch(alertId),
    });
    if (!verdict.ok) {
      this.refuse(verdict.code, verdict.command, traceparentOf(signed));
      return;
    }
    const { command } = verdict;
    const traceparent = traceparentOf(signed);
    try {
      log.accept({ ...acceptedOf(command), traceparent });
    } catch (error) {
      // Not remembered, so not run: the sweeper sends it again.
      logger.error({ code: 'command_not_kept', id: command.id, err: error }, messageOf(error));
      return;
    }
    logger.info({ id: command.id, alert: command.alertId, action: command.action.case }, 'command accepted');
    this.answer(command, { state: action.OutcomeState.DELIVERED, code: 'ok', message: '', traceparent });
    this.options.giveToBaldur(command);
  }

  /** To a baldur that has just connected: what no baldur has answered for good. It keeps the ids it has run. */
  onBaldurConnected(): void {
    for (const pending of this.options.log.pending()) {
      const command = fromBinary(action.CommandSchema, Buffer.from(pending.command, 'base64'));
      if (pending.expiresAtMs > this.options.nowMs()) this.options.giveToBaldur(command);
      else {
        this.options.log.finish(command.id);
        const message = 'Expired before baldur could run it, or while it did';
        const traceparent = this.options.log.traceparentOf(command.id);
        this.answer(command, { state: action.OutcomeState.EXPIRED, code: 'expired', message, traceparent });
      }
    }
  }

  /**
   * What is passed on of what baldur says: the outcome, in the trace of its command. Undefined: nothing, for baldur only says that it knows a
   * command which tyr gave it a second time.
   */
  onOutcome(outcome: action.Outcome): action.Outcome | undefined {
    if (outcome.state === action.OutcomeState.REFUSED && outcome.code === 'replayed') return undefined;
    const { log } = this.options;
    if (isFinal(outcome)) log.finish(outcome.commandId);
    return { ...outcome, traceparent: log.traceparentOf(outcome.commandId) };
  }

  /** It was accepted, and can't be run. */
  fail(command: action.Command, code: string, message: string): void {
    const traceparent = this.options.log.traceparentOf(command.id);
    this.options.log.finish(command.id);
    this.answer(command, { state: action.OutcomeState.FAILED, code, message, traceparent });
  }

  private refuse(code: CommandRefusal, command: action.Command | undefined, traceparent: string): void {
    this.options.logger.warn({ code, id: command?.id }, `command refused: ${reasons[code]}`);
    const message = `Refused: ${reasons[code]}`;
    const refused = { state: action.OutcomeState.REFUSED, code, message, traceparent };
    this.answer(command ?? create(action.CommandSchema), refused);
  }

  private answer(
    command: action.Command,
    what: Pick<action.Outcome, 'state' | 'code' | 'message' | 'traceparent'>,
  ): void {
    const { tenantId, hostId } = this.options.identity();
    const nowUs = BigInt(this.options.nowMs()) * 1000n;
    const times = { startedAtUs: nowUs, finishedAtUs: nowUs };
    const names = { commandId: command.id.slice(0, 64), alertId: command.alertId.slice(0, 64), tenantId, hostId };
    const outcome = create(action.OutcomeSchema, { ...names, ...what, ...times, action: command.action.case ?? '' });
    this.options.report(outcome);
  }
}

function traceparentOf({ traceparent }: action.SignedCommand): string {
  return traceparent.length === traceparentLength ? traceparent : '';
}

function acceptedOf(command: action.Command) {
  return {
    id: command.id,
    alertId: command.alertId,
    epoch: String(command.epoch),
    expiresAtMs: Number(command.expiresAtUs / 1000n),
    command: Buffer.from(toBinary(action.CommandSchema, command)).toString('base64'),
  };
}
