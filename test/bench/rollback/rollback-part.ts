// What the three parts of the rollback benchmark share.
import type { Tell } from '../../attack/play.ts';

export interface RollbackOptions {
  /** In the corpus of each attack. */
  readonly files: number;
  /** How often each attack is played (else once), and each cost measured bare and with the agent (else three times). */
  readonly rounds: number | undefined;
  /** Files in the vault when its memory is read. */
  readonly entries: number;
  /** Only rows whose name contains one of these; empty: all. */
  readonly select: readonly string[];
  /** Called between rows: throws when the benchmark is to end. */
  readonly checkInterrupted: () => void;
}

/** One part when it is done. */
export interface RollbackPart<Figures extends object = object> {
  /** For machines. */
  readonly figures: Figures;
  /** For people. */
  readonly text: string;
  /** What keeps its aims from being met, a sentence each. */
  readonly missed: readonly string[];
}

export type MeasurePart = (options: RollbackOptions, tell: Tell) => Promise<RollbackPart>;

export function isSelected(name: string, { select }: Pick<RollbackOptions, 'select'>): boolean {
  return select.length === 0 || select.some((part) => name.includes(part));
}
