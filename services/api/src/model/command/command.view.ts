// A command and what came of it, in one sentence.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { actionOf } from '@norn/response';
import type { CommandRecord } from '@norn/store';
import { countsOf, outcomeOf, resultOf } from './restore-outcome.ts';
import { sentenceCase, shortId, timeOfDate } from '../words.ts';

/** "restore the files". */
export function deedOf(action: string): string {
  return actionOf(action)?.words.deed ?? action;
}

const states: Readonly<Record<string, string>> = {
  requested: 'waits to be sent',
  dispatched: 'is on its way to the host',
  delivered: 'has reached the host',
  running: 'is at work',
  succeeded: 'succeeded',
  failed: 'failed',
  expired: 'expired before the host took it: is the host connected?',
  cancelled: 'was cancelled',
};

export interface CommandPlace {
  readonly hostName: string;
  readonly alertTitle: string;
  readonly containerId: string;
}

export function commandView(command: CommandRecord, place: CommandPlace): view.CommandView {
  return create(view.CommandViewSchema, {
    id: command.id,
    alertId: command.alertId,
    action: command.action,
    state: command.state,
    code: command.code,
    message: command.message,
    requestedBy: command.requestedBy,
    requestedAt: timeOfDate(command.requestedAt),
    finishedAt: timeOfDate(command.finishedAt),
    hostId: command.hostId,
    hostName: place.hostName,
    alertTitle: place.alertTitle,
    containerId: place.containerId,
    summary: commandSummary(command, place),
    files: countsOf(command),
    outcome: outcomeOf(command),
    result: resultOf(command),
  });
}

function commandSummary(command: CommandRecord, { hostName, containerId }: CommandPlace): string {
  const isHosts = containerId === '' || actionOf(command.action)?.effect?.network?.of === 'host';
  const where = isHosts ? `on ${hostName}` : `in container ${shortId(containerId)}`;
  const who = command.requestedBy === 'policy' ? 'The policy' : sentenceCase(command.requestedBy);
  const result = resultOf(command);
  const asked = `${who} asked to ${deedOf(command.action)} ${where}`;
  // What left something undone has not succeeded, whatever the host calls it.
  const left = ['part', 'nothing'].includes(outcomeOf(command));
  const said = result === '' ? '' : `: ${result}`;
  return left ? `${asked}${said}.` : `${asked}; it ${states[command.state] ?? command.state}${said}.`;
}
