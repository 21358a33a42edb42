// What became of each dead letter, told of as it is known; as JSON at the end.
import { write, writeJson } from '../print/columns.ts';
import { counted } from './text.ts';

/** How often one is told how far it is, ms. */
const progressMs = 1_000;

export class Outcomes {
  readonly past: 'replayed' | 'dropped';
  private readonly done: { readonly id: string; readonly outcome: string }[] = [];
  private toldAt = performance.now();

  constructor(
    readonly what: 'replay' | 'drop',
    private readonly total: number,
    private readonly json = false,
  ) {
    this.past = what === 'replay' ? 'replayed' : 'dropped';
  }

  /** One that is not what was wanted makes the command exit with 1. */
  add(id: string, outcome: string): void {
    if (outcome !== this.past) process.exitCode = 1;
    if (this.json) this.done.push({ id, outcome });
    else write(`${id}  ${outcome}`);
    this.count += 1;
  }

  progress(): void {
    if (performance.now() - this.toldAt < progressMs) return;
    this.toldAt = performance.now();
    process.stderr.write(`${counted(this.count)} of ${counted(this.total)}\n`);
  }

  end(): void {
    if (this.json) writeJson(this.done);
  }

  private count = 0;
}
