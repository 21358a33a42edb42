// One import: what its files hold, and which of them fit to what is there. A file is taken as a whole or not at all.
import { NornError } from '@norn/base';
import {
  type AnyRule,
  type CorrelationRule,
  CorrelationSet,
  type Filter,
  type Rule,
  type RuleSet,
  coverageOf,
  readBrought,
  refuseMissing,
  ruleError,
} from '@norn/rules';
import type { ImportedRule } from '@norn/store';

export interface Candidate {
  readonly ruleId: string;
  readonly rule: AnyRule;
  /** The document by itself. */
  readonly body: string;
}

interface TakenFile {
  readonly name: string;
  readonly candidates: readonly Candidate[];
  /** Why it is refused. */
  error?: string;
}

export class ImportRound {
  readonly files: TakenFile[] = [];

  constructor(
    private readonly pack: RuleSet,
    private readonly there: readonly ImportedRule[],
  ) {}

  /** Those of files that stand. */
  get candidates(): Candidate[] {
    return this.standing().flatMap(({ candidates }) => candidates);
  }

  /** Rules of single events that a correlation may be about. */
  get known(): readonly Rule[] {
    return [...this.all().flatMap((rule) => (rule.kind === 'detection' ? [rule] : [])), ...this.pack.rules];
  }

  take(name: string, read: () => Candidate[]): void {
    const candidates: Candidate[] = [];
    const file: TakenFile = { name, candidates };
    refuseIf(file, () => {
      for (const each of read()) {
        this.refuseUnfit(each, candidates);
        candidates.push(each);
      }
    });
    this.files.push(file);
  }

  /** What is named must be there: refuses files until that is so of all others. */
  settle(): void {
    for (let wrong = this.wrong(); wrong !== undefined; wrong = this.wrong()) {
      const why = wrong;
      const own = this.standing().filter(({ name }) => why.startsWith(`${name}:`));
      // What was there before does not fit to what would take the place of its parts.
      const replacing = this.standing().filter(({ candidates }) => candidates.some((each) => this.isThere(each)));
      const refused = [own, replacing, this.standing()].find(({ length }) => length > 0) ?? [];
      for (const file of refused) file.error = why;
    }
  }

  private wrong(): string | undefined {
    const file: TakenFile = { name: '', candidates: [] };
    refuseIf(file, () => {
      if (this.candidates.length > 0) this.refuseLoose();
    });
    return file.error;
  }

  /** Throws `rule_invalid` for a correlation or a filter of rules that are not there. */
  private refuseLoose(): void {
    const all = this.all();
    const rules = all.filter((rule): rule is Rule => rule.kind === 'detection');
    const correlations = all.filter((rule): rule is CorrelationRule => rule.kind === 'correlation');
    for (const { rule } of this.candidates) {
      if (rule.kind === 'filter') this.refuseFilter(rule, rules);
      if (rule.kind === 'correlation') this.refuseOwnCorrelations(rule);
    }
    new CorrelationSet({ rules, correlations }, this.pack.rules);
  }

  private refuseFilter(filter: Filter, rules: readonly Rule[]): void {
    const own = filter.rules === 'any' ? undefined : filter.rules.find((asked) => isCalledOf(this.pack.rules, asked));
    if (own !== undefined) {
      const cure = 'make an exception instead, which has a reason and an end (./norn exceptions)';
      throw ruleError(filter.detection.place(['rules']), `"${own}" is one of Norn's own rules: ${cure}`);
    }
    refuseMissing(filter, rules);
  }

  private refuseOwnCorrelations({ rules, until, place }: CorrelationRule): void {
    const own = [...rules, ...until].find((asked) => isCalledOf(this.pack.correlations, asked));
    if (own === undefined) return;
    throw ruleError(place(['rules']), `"${own}" is a correlation of Norn's own: name the rules that it is made of`);
  }

  private refuseUnfit({ ruleId, rule }: Candidate, before: readonly Candidate[]): void {
    const refuse = (why: string): NornError => new NornError('rule_invalid', `${rule.file}:1: id: ${ruleId} ${why}`);
    const isOwn = [...this.pack.rules, ...this.pack.correlations].some(({ id }) => id === ruleId);
    if (isOwn) throw refuse("is one of Norn's own rules: give the rule an id of its own");
    const twin = [...this.candidates, ...before].find((each) => each.ruleId === ruleId);
    if (twin) throw refuse(`is the id of ${twin.rule.file}, too: give each rule its own`);
    if (rule.kind === 'detection') coverageOf(rule);
  }

  private standing(): TakenFile[] {
    return this.files.filter(({ error }) => error === undefined);
  }

  private isThere({ ruleId }: Candidate): boolean {
    return this.there.some((row) => row.ruleId === ruleId);
  }

  /** As they would be after the import. */
  private all(): AnyRule[] {
    const candidates = this.candidates.map(({ rule }) => rule);
    const replaced = new Set(candidates.map(({ id }) => id));
    return [...this.before().filter(({ id }) => !replaced.has(id)), ...candidates];
  }

  private read: readonly AnyRule[] | undefined;

  /** What no longer reads is left out here as it is where rules run. */
  private before(): readonly AnyRule[] {
    return (this.read ??= this.there.flatMap((row) => {
      try {
        return [readBrought(row)];
      } catch (error) {
        if (error instanceof NornError) return [];
        throw error;
      }
    }));
  }
}

function isCalledOf(rules: readonly { id: string; name?: string | undefined }[], asked: string): boolean {
  return rules.some(({ id, name }) => id === asked || name === asked);
}

/** What `refuse` throws becomes the file's error. */
function refuseIf(file: TakenFile, refuse: () => void): void {
  try {
    refuse();
  } catch (error) {
    if (!(error instanceof NornError) || error.code !== 'rule_invalid') throw error;
    file.error = error.message;
  }
}
