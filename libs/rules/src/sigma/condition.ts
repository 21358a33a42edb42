// Sigma's condition line: `selection and not (1 of filter_* or other)` as a tree over selection names.
import { ruleError, type Place } from './document.ts';

export type Condition =
  | { readonly op: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly op: 'not'; readonly part: Condition }
  | { readonly op: 'selection'; readonly name: string };

/** Parentheses deeper than this are refused. */
const DEPTH_MAX = 32;
const LENGTH_MAX = 4_096;

/** Parses a condition; `names` are the rule's selections. Throws `rule_invalid` naming what it could not read. */
export function parseCondition(place: Place, text: string, names: readonly string[]): Condition {
  if (text.length > LENGTH_MAX) throw ruleError(place, `is longer than ${LENGTH_MAX} characters: use 1 of …`);
  return new Parser(place, tokens(place, text), names).whole();
}

function tokens(place: Place, text: string): string[] {
  const aggregation = /\|\s*(\w*)/.exec(text);
  if (aggregation) {
    throw ruleError(
      place,
      `aggregation "${aggregation[1] ?? ''}" after "|" is the old form: write a correlation rule instead`,
    );
  }
  return text.match(/[()]|[^\s()]+/g) ?? [];
}

class Parser {
  private at = 0;

  constructor(
    private readonly place: Place,
    private readonly tokens: readonly string[],
    private readonly names: readonly string[],
  ) {}

  whole(): Condition {
    const condition = this.either(0);
    const rest = this.tokens[this.at];
    if (rest !== undefined) throw this.error(`"${rest}" is not expected here: join with and / or`);
    return condition;
  }

  private either(depth: number): Condition {
    return this.joined('or', () => this.both(depth));
  }

  private both(depth: number): Condition {
    return this.joined('and', () => this.negated(depth));
  }

  private joined(op: 'and' | 'or', next: () => Condition): Condition {
    const parts = [next()];
    while (this.take(op)) parts.push(next());
    return parts.length === 1 && parts[0] ? parts[0] : { op, parts };
  }

  private negated(depth: number): Condition {
    if (depth > DEPTH_MAX) throw this.error(`is nested deeper than ${DEPTH_MAX}: name the parts as selections`);
    if (this.take('not')) return { op: 'not', part: this.negated(depth + 1) };
    if (!this.take('(')) return this.operand();
    const inner = this.either(depth + 1);
    if (!this.take(')')) throw this.error('a "(" is not closed: add ")"');
    return inner;
  }

  private operand(): Condition {
    const token = this.tokens[this.at++];
    if (token === undefined) throw this.error('ends too early: a selection is missing');
    if (/^(1|any|all)$/i.test(token) && this.take('of')) return this.quantified(token.toLowerCase());
    if (this.names.includes(token)) return { op: 'selection', name: token };
    throw this.error(`"${token}" is not a selection of this rule: known are ${this.names.join(', ')}`);
  }

  private quantified(quantity: string): Condition {
    const pattern = this.tokens[this.at++] ?? '';
    const matching = this.names.filter((name) =>
      pattern === 'them' ? !name.startsWith('_') : wildcard(pattern).test(name),
    );
    if (matching.length === 0)
      throw this.error(`"${quantity} of ${pattern}" names no selection: known are ${this.names.join(', ')}`);
    const parts = matching.map((name): Condition => ({ op: 'selection', name }));
    return { op: quantity === 'all' ? 'and' : 'or', parts };
  }

  private take(word: string): boolean {
    if (this.tokens[this.at]?.toLowerCase() !== word) return false;
    this.at += 1;
    return true;
  }

  private error(cure: string) {
    return ruleError(this.place, cure);
  }
}

function wildcard(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\?]/g, '\\$&').replaceAll('*', '.*')}$`);
}
