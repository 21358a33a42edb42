// A container that is restored cold: stopped before baldur puts its files back, started again when that is done, also by a tyr that
// was started in between.
import { NornError, messageOf } from '@norn/base';
import type { action } from '@norn/contracts';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { writeFileAtomically } from '../write-file.ts';

export interface ContainerRuntime {
  /** False when it does not run. Throws `container_unknown`, or what the runtime says. */
  isRunning(containerId: string): Promise<boolean>;
  /** Freezes it and ends all of its processes; the runtime does not start it again by itself. */
  stop(containerId: string): Promise<void>;
  start(containerId: string): Promise<void>;
}

const idShape = /^[0-9a-f]{32}$/;

export class ColdRestore {
  /** `directory` keeps, for each command under way, which container it stopped. */
  constructor(
    private readonly directory: string,
    private readonly runtime: ContainerRuntime,
    private readonly logger: Logger,
  ) {}

  isCold(command: action.Command): boolean {
    return command.action.case === 'restore' && command.action.value.cold;
  }

  /** Throws `malformed`, or what the runtime says; then nothing was stopped. */
  async begin(command: action.Command): Promise<void> {
    if (!idShape.test(command.id)) throw new NornError('malformed', 'The id of a command has 32 hex digits');
    if (!(await this.runtime.isRunning(command.containerId))) return;
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    // Written down first: a container that was stopped is started again, whatever ends in between.
    writeFileAtomically(this.pathOf(command.id), command.containerId);
    try {
      await this.runtime.stop(command.containerId);
    } catch (error) {
      rmSync(this.pathOf(command.id), { force: true });
      throw error;
    }
    this.logger.info({ id: command.id, container: command.containerId }, 'container stopped');
  }

  hasStopped(commandId: string): boolean {
    return idShape.test(commandId) && existsSync(this.pathOf(commandId));
  }

  /** Starts the container again; the outcome says so when that fails. */
  async end(outcome: action.Outcome): Promise<action.Outcome> {
    const containerId = readFileSync(this.pathOf(outcome.commandId), 'utf8');
    try {
      await this.runtime.start(containerId);
      this.logger.info({ id: outcome.commandId, container: containerId }, 'container started');
      return outcome;
    } catch (error) {
      this.logger.error({ code: 'container_not_started', container: containerId, err: error }, messageOf(error));
      const message = `${outcome.message}; the container does not start again: ${messageOf(error)}`;
      return { ...outcome, message };
    } finally {
      rmSync(this.pathOf(outcome.commandId), { force: true });
    }
  }

  private pathOf(commandId: string): string {
    return join(this.directory, commandId);
  }
}
