// The four attacks: what is run, how long detection may take, and what must be true afterwards.
import type { ShownAlert } from '@norn/contracts';
import { deedOf, type Mode } from './modes.ts';

/** How ransomware works. */
export interface Pace {
  readonly mode: Mode;
  /** Between files; the mode's own when it is not given. */
  readonly pauseMs?: number;
}

export interface Scenario {
  readonly description: (pace: Pace) => string;
  /** Shell line. */
  readonly line: (corpus: string, pace: Pace) => string;
  readonly timeoutMs: number;
  /** Something besides the corpus that must hold; the sentence when it does not. */
  readonly check: (alert: ShownAlert) => string | undefined;
}

const mustKill = (alert: ShownAlert): string | undefined =>
  alert.killedPids.length > 0 ? undefined : 'nothing was killed';

// `:` keeps the shell: a shell replaces itself with its last command, and then there is no tree to see.
export const scenarios = {
  ransomware: {
    description: ({ mode }) => deedOf(mode),
    line: (corpus, { mode, pauseMs }) => {
      const pause = pauseMs === undefined ? '' : ` --pause-ms ${String(pauseMs)}`;
      return `norn-attack ransomware ${corpus} --mode ${mode}${pause}; :`;
    },
    timeoutMs: 60_000,
    check: mustKill,
  },
  fileless: {
    description: () => 'runs a program from memory that never was a file',
    line: (corpus) => `norn-attack fileless ${corpus}; :`,
    timeoutMs: 30_000,
    check: mustKill,
  },
  miner: {
    description: () => 'computes double SHA-256 like a coin miner',
    line: (corpus) => `norn-attack miner ${corpus} --seconds 90; :`,
    timeoutMs: 90_000,
    check: mustKill,
  },
  'reverse-shell': {
    description: () => 'gives a shell to a listener on loopback',
    line: (corpus) => `norn-attack reverse-shell ${corpus} --seconds 20; :`,
    timeoutMs: 30_000,
    check: mustKill,
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;
