// Where a machine of its own would keep the state of its agent, and what is asked of an installation that it joined.
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type Installation, callNorn } from './installation.ts';

const missedWithinMs = 30_000;

/** The first answer that is as asked for; the last one when none was within half a minute. */
export async function until<T>(ask: () => Promise<T>, is: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + missedWithinMs;
  for (;;) {
    const answer = await ask();
    if (is(answer) || performance.now() > deadline) return answer;
    await sleep(1_000);
  }
}

/** Of an alert about an agent that is not there. */
export const isGone = (title: string): boolean => title === 'Host fell silent' || title === 'Agent was stopped';

export const ended = ({ code, stderr }: Answer): { code: number; refusal: string } => ({
  code,
  refusal: /\((\w+)\)\n$/.exec(stderr)?.[1] ?? stderr,
});

/** run/installation.json, as far as it is asked for here. */
interface RunState {
  readonly supervisor: { readonly pid: number };
  readonly parts: readonly { readonly process?: { readonly pid: number } }[];
}

export interface JoinedHome {
  readonly home: string;
  norn(...args: string[]): Promise<Answer>;
  join(invitation: string): Promise<Answer>;
  has(...path: string[]): boolean;
  /** Of the supervisor, tyr and baldur. */
  pids(): number[];
  /** With its maintenance token, as its installation shows it. */
  stop(installation: Installation): Promise<Answer>;
  remove(): Promise<void>;
}

export function newHome(): JoinedHome {
  const home = mkdtempSync('/var/tmp/norn-joined-');
  const environment = { ...process.env, NORN_HOME: home };
  const norn = (...args: string[]): Promise<Answer> => callNorn(args, environment);
  return {
    home,
    norn,
    join: (invitation) => callNorn(['join', '-'], environment, invitation),
    has: (...path) => existsSync(join(home, ...path)),
    pids: () => {
      const state = JSON.parse(readFileSync(join(home, 'run/installation.json'), 'utf8')) as RunState;
      const [baldur = ''] = readFileSync(join(home, 'agent/baldur.pid'), 'utf8').split(' ');
      return [state.supervisor.pid, ...state.parts.flatMap(({ process }) => process?.pid ?? []), Number(baldur)];
    },
    stop: async (installation) => {
      const { hostId } = JSON.parse(readFileSync(join(home, 'agent/identity.json'), 'utf8')) as { hostId: string };
      const { stdout } = await installation.norn('hosts', 'token', hostId);
      return callNorn(['down', '-'], environment, stdout);
    },
    remove: async () => {
      // Whose installation goes as well has no use for a token.
      await rm(join(home, 'agent/maintenance.json'), { force: true });
      await norn('down');
      await rm(home, { recursive: true, force: true });
    },
  };
}
