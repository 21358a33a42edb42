// Ids of accepted commands, on disk before baldur hears of them: a command runs once, whatever dies in between.
import { NornError, messageOf } from '@norn/base';
import { closeSync, existsSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '../limits.ts';
import { writeFileAtomically } from '../write-file.ts';

export interface AcceptedCommand {
  readonly id: string;
  readonly alertId: string;
  readonly epoch: string;
  readonly expiresAtMs: number;
  /** Command, serialised, base64; empty when baldur has answered for good. */
  readonly command: string;
  /** W3C trace context that came with it; absent in what an older tyr wrote. */
  readonly traceparent?: string;
}

export class CommandLog {
  private readonly path: string;
  private readonly accepted = new Map<string, AcceptedCommand>();
  private readonly epochs = new Map<string, bigint>();
  private readonly descriptor: number;
  /** Lines that could not be read at start. */
  readonly damage: string[] = [];

  /** Forgets what expired long ago: an expired command is refused for that alone. */
  constructor(agentDir: string, nowMs: number) {
    this.path = join(agentDir, 'commands.log');
    this.load();
    for (const [id, { expiresAtMs }] of this.accepted) {
      if (expiresAtMs + limits.seenCommandKeptMs < nowMs) this.accepted.delete(id);
    }
    writeFileAtomically(this.path, [...this.accepted.values()].map(lineOf).join(''));
    this.descriptor = openSync(this.path, 'a', 0o600);
  }

  has(id: string): boolean {
    return this.accepted.has(id);
  }

  highestEpoch(alertId: string): bigint | undefined {
    return this.epochs.get(alertId);
  }

  /** Returns when it is on disk. Throws `commands_full`, or what the file system throws: then it must not run. */
  accept(command: AcceptedCommand): void {
    if (this.accepted.size >= limits.seenCommandsMax) {
      throw new NornError(
        'commands_full',
        `${this.accepted.size} commands are remembered: restart tyr to forget old ones`,
      );
    }
    this.append(command);
    this.remember(command);
  }

  /** Baldur has answered for good: it is not given to a later baldur again. */
  finish(id: string): void {
    const command = this.accepted.get(id);
    if (command === undefined || command.command === '') return;
    const finished = { ...command, command: '' };
    this.append(finished);
    this.remember(finished);
  }

  /** Empty when the command is not known or came without. */
  traceparentOf(id: string): string {
    return this.accepted.get(id)?.traceparent ?? '';
  }

  /** Accepted, not answered for good. */
  pending(): AcceptedCommand[] {
    return [...this.accepted.values()].filter(({ command }) => command !== '');
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private remember(command: AcceptedCommand): void {
    this.accepted.set(command.id, command);
    const epoch = BigInt(command.epoch);
    const known = this.epochs.get(command.alertId);
    if (known !== undefined && known >= epoch) return;
    this.epochs.delete(command.alertId);
    if (this.epochs.size >= limits.fencedAlertsMax) this.epochs.delete(this.epochs.keys().next().value ?? '');
    this.epochs.set(command.alertId, epoch);
  }

  private append(command: AcceptedCommand): void {
    writeSync(this.descriptor, lineOf(command));
    fdatasyncSync(this.descriptor);
  }

  private load(): void {
    if (!existsSync(this.path)) return;
    for (const line of readFileSync(this.path, 'utf8').split('\n')) {
      if (line !== '') this.loadLine(line);
    }
  }

  /** The last line may be torn: what it was to say was not yet acted on. Baldur keeps the ids it ran as well. */
  private loadLine(line: string): void {
    try {
      this.remember(JSON.parse(line) as AcceptedCommand);
    } catch (error) {
      this.damage.push(`${line.slice(0, 80)}: ${messageOf(error)}`);
    }
  }
}

function lineOf(command: AcceptedCommand): string {
  return `${JSON.stringify(command)}\n`;
}
