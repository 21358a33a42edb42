// Waits for what a host was asked to do, and says meanwhile how far it is.
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { ShownCommand } from '@norn/contracts';
import { type CommandState, isFinal } from '@norn/response';
import { note } from '../../print/columns.ts';
import type { ApiClient } from '../client/client.ts';

const commandWaitMs = 120_000;
const askedEveryMs = 150;
/** Who waits for less than this, ms, is told of nothing on the way; then when the state changes, and this often. */
const toldAfterMs = 3_000;
const toldEveryMs = 10_000;
/** Newest first: others may have asked for more about the alert meanwhile. */
const newest = 50;

const realTime = { now: Date.now, sleep: (ms: number): Promise<unknown> => sleep(ms) };

/** The command in its last state. Throws `command_pending` after two minutes. */
export async function untilDone(
  api: Pick<ApiClient, 'get'>,
  requested: ShownCommand,
  time = realTime,
): Promise<ShownCommand> {
  const begun = time.now();
  let told = { state: requested.state, at: begun + toldAfterMs - toldEveryMs };
  let command = requested;
  while (!isFinal(command.state as CommandState)) {
    const waited = time.now() - begun;
    if (waited > commandWaitMs) {
      throw new NornError(
        'command_pending',
        `Command ${command.id} is still ${command.state}: is the host connected? ./norn hosts`,
      );
    }
    const isNews = waited > toldAfterMs && command.state !== told.state;
    if (isNews || time.now() - told.at > toldEveryMs) {
      note(`after ${Math.round(waited / 1000)} s: ${command.summary}`);
      told = { state: command.state, at: time.now() };
    }
    await time.sleep(askedEveryMs);
    const { commands } = await api.get<{ commands: ShownCommand[] }>(
      `/commands?alert=${requested.alertId}&limit=${newest}`,
    );
    command = commands.find(({ id }) => id === requested.id) ?? command;
  }
  return command;
}
