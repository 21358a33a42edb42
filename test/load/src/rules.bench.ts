// The rule engine alone, in processor time of the whole process: the life of a simulated host under sets of simulated rules of growing size.
import { readRulePack } from '@norn/detection';
import { openBatch, type BatchView } from '@norn/contracts';
import { RuleEngine, readRules, toRuleBatch, type RuleBatch } from '@norn/rules';
import { SimulatedHost, SimulatedRules } from '@norn/testkit';

const sizes = [30, 300, 3_000, 30_000];
const rulesPerFile = 100;
/** Of a pass; each pass has batches of its own, as a host never says quite the same again. */
const batches = 150;
const eventsPerBatch = 400;
const rounds = 10;

export interface RulesFigures {
  readonly rules: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly nsPerEvent: number;
  readonly matches: number;
  /** To read and compile all rules. */
  readonly startMs: number;
  readonly heapMb: number;
}

export function measureRules(tell: (line: string) => void): RulesFigures[] {
  const lives = hostLife();
  // Once for the compiler: what it spends on the code that all sets share would be the first set's cost.
  measure(Math.min(...sizes), lives);
  return sizes.map((size) => {
    tell(`${size} rules`);
    return measure(size, lives);
  });
}

function hostLife(): BatchView[][] {
  const host = new SimulatedHost({ seed: 7 });
  host.snapshot();
  return Array.from({ length: rounds }, () =>
    Array.from({ length: batches }, () => openBatch(host.live(eventsPerBatch))),
  );
}

function measure(size: number, lives: readonly BatchView[][]): RulesFigures {
  const begun = performance.now();
  const simulated = new SimulatedRules(11);
  const files = Array.from({ length: Math.ceil(size / rulesPerFile) }, (_, at) => ({
    name: `rules-${at}.yml`,
    text: simulated.file(Math.min(rulesPerFile, size - at * rulesPerFile)),
  }));
  const engine = new RuleEngine(readRules(files).rules);
  const startMs = Math.round(performance.now() - begun);
  const passes = lives.map((views) => pass(engine, views));
  // The first passes are the compiler's.
  const best = passes.reduce((one, other) => (other.ns < one.ns ? other : one));
  return {
    rules: size,
    events: best.events,
    eventsPerSecond: Math.round((best.events * 1e9) / best.ns),
    nsPerEvent: Math.round(best.ns / best.events),
    matches: best.matches,
    startMs,
    heapMb: Math.round(process.memoryUsage().heapUsed / 1e6),
  };
}

function pass(engine: RuleEngine, views: readonly BatchView[]): { ns: number; events: number; matches: number } {
  let [events, matches] = [0, 0];
  const begun = process.cpuUsage();
  for (const view of views) {
    events += view.eventCount;
    matches += engine.evaluate(withParents(toRuleBatch(view))).matches.length;
  }
  const { user, system } = process.cpuUsage(begun);
  return { ns: (user + system) * 1000, events, matches };
}

/** The process tree's part is not measured here: each process gets another one of its batch for a parent. */
function withParents(batch: RuleBatch): RuleBatch {
  const imageOf = (process: number): string => batch.text(batch.imagePath[batch.processImage[process] ?? 0] ?? 0);
  return { ...batch, ancestorImages: (process) => [imageOf((process * 7) % batch.listCount)] };
}

/** What the rules that Norn comes with cost one by one, dearest first. */
export function dearestRules(): { file: string; nsPerEvent: number; looked: number; matches: number }[] {
  const engine = new RuleEngine(readRulePack().rules, { clock: () => performance.now() * 1e6 });
  const [warm = [], ...lives] = hostLife();
  pass(engine, warm);
  engine.takeCosts();
  const events = lives.reduce((sum, views) => sum + pass(engine, views).events, 0);
  return engine.takeCosts().map(({ rule, ns, looked, matches }) => ({
    file: rule.file,
    nsPerEvent: Math.round((ns / events) * 10) / 10,
    looked,
    matches,
  }));
}

export function rulesTable(figures: readonly RulesFigures[]): string {
  const rows = [
    ['RULES', 'EVENTS/S PER CORE', 'NS AN EVENT', 'MATCHES', 'START', 'HEAP'],
    ...figures.map((figure) => [
      figure.rules.toLocaleString('en'),
      figure.eventsPerSecond.toLocaleString('en'),
      String(figure.nsPerEvent),
      String(figure.matches),
      `${figure.startMs} ms`,
      `${figure.heapMb} MB`,
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')).join('\n');
}
