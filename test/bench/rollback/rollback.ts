// `norn bench rollback`: is what attacks do undone, is ordinary work left alone, and what does it cost.
import { NornError } from '@norn/base';
import { write, writeJson } from '@norn/cli';
import { watchInterruption } from '../interruption.ts';
import { measureAttacks } from './attacks.ts';
import { measureCost } from './cost.ts';
import type { RollbackPart, MeasurePart, RollbackOptions } from './rollback-part.ts';
import { measureWork } from './work.ts';

const parts = { attacks: measureAttacks, work: measureWork, cost: measureCost } as const satisfies Record<
  string,
  MeasurePart
>;

export type RollbackPartName = keyof typeof parts;
export const rollbackPartNames = Object.keys(parts) as RollbackPartName[];

/** As typed. */
export interface RollbackFlags {
  readonly json?: boolean;
  readonly only?: RollbackPartName;
  readonly files: string;
  readonly rounds?: string;
  readonly entries: string;
  readonly select: string;
}

/** Attacks and work need the installation to run, the cost needs its agent not to: it is measured when asked for. */
export async function showRollback(flags: RollbackFlags): Promise<number> {
  const options = readFlags(flags);
  const names: RollbackPartName[] = flags.only ? [flags.only] : ['attacks', 'work'];
  const measured: Partial<Record<RollbackPartName, RollbackPart>> = {};
  for (const name of names) {
    measured[name] = await parts[name](options, flags.json ? () => undefined : write);
    if (!flags.json) write(`\n${measured[name].text}\n`);
  }
  const missed = Object.values(measured).flatMap((part) => part.missed);
  if (flags.json) {
    const figures = Object.entries(measured).map(([name, part]) => [name, part.figures]);
    writeJson({ ...(Object.fromEntries(figures) as object), missed });
  } else if (flags.only !== 'cost') write(verdict(missed));
  return missed.length === 0 ? 0 : 1;
}

export function readFlags({ files, rounds, entries, select }: Omit<RollbackFlags, 'only'>): RollbackOptions {
  const count = (name: string, text: string): number => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new NornError('bad_option', `--${name} is a whole number above 0, not "${text}"`);
  };
  return {
    files: count('files', files),
    rounds: rounds === undefined ? undefined : count('rounds', rounds),
    entries: count('entries', entries),
    select: select.split(',').filter(Boolean),
    checkInterrupted: watchInterruption(),
  };
}

function verdict(missed: readonly string[]): string {
  const next = 'What it costs: ./norn down, then ./norn bench rollback --only cost';
  if (missed.length === 0) return ['✔ All aims are met', next].join('\n');
  return ['✘ Aims missed:', ...missed.map((sentence) => `  ${sentence}`), next].join('\n');
}
