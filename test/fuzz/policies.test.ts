// Policies out of hand: whatever the text, a policy decides and becomes rules of hosts, or is refused with file, line and cure.
// @norn-strict
import { NornError, SeededRandom } from '@norn/base';
import { policy } from '@norn/contracts';
import { buildRuleBatch } from '@norn/rules';
import { hostRulesOf, makeHostPolicy, parsePolicy, PolicyEngine, testPolicy } from '@norn/response';
import { hostEvents, madeEvent, madePolicy, referenceDecision } from '@norn/response/testing';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fuzz } from './fuzz.ts';
import { changedText } from './mutations.ts';

const recommended = readFileSync(join(import.meta.dirname, '../../libs/response/policies/recommended.yml'), 'utf8');
const groups = ['web-1', 'databases'];
const timeUs = Date.parse('2027-01-01') * 1000;
const events = Array.from({ length: 12 }, (_, number) => madeEvent(new SeededRandom(number)));
const batch = buildRuleBatch(events);
const hostDeny = policy.HostAction.DENY;
/** Matches of one rule about one kind of event. */
const MATCHES_MAX = 257;

/** Refused as it should be, or undefined. */
function refusalOf<Result>(make: () => Result, codes: readonly string[]): Result | 'refused' {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof NornError) || !codes.includes(error.code)) throw error;
    if (error.code === 'policy_invalid' && !/^policy\.yml:\d+: .+: ./s.test(error.message)) throw error;
    return 'refused';
  }
}

function run(text: string): string {
  const read = refusalOf(() => parsePolicy('policy.yml', text), ['policy_invalid']);
  if (read === 'refused') return 'refused at reading';
  const engine = refusalOf(() => new PolicyEngine(read), ['policy_invalid']);
  refusalOf(() => testPolicy(read), ['policy_invalid']);
  // What the engine refuses never gets as far as the hosts, which do not look at rules about files.
  if (engine === 'refused') return 'refused at compiling';
  const host = hostRulesOf(read);
  if (host.rules.some(({ any }) => any.length > MATCHES_MAX)) throw new Error('A rule has too many matches');
  const { decisions } = engine.decide(batch, { groups, timeUsOf: () => timeUs });
  const byRow = new Map(decisions.map(({ row, rule, action }) => [row, `${read.policy}.${rule.name} ${action}`]));
  events.forEach((event, row) => {
    const decision = referenceDecision(host.rules, event, { groups, timeUs });
    if (decision?.action !== hostDeny || hostEvents[String(event.EventKind)] === undefined) return;
    if (byRow.get(row) !== `${decision.name} deny`)
      throw new Error(`${decision.name} denies what is ${byRow.get(row) ?? 'let be'}`);
  });
  const source = { tenantId: 'default', epoch: 1n, issuedAtUs: 1n, version: 1, body: text, groups: [] };
  return refusalOf(() => makeHostPolicy(source), ['policy_too_large']) === 'refused' ? 'too large for hosts' : 'run';
}

it.each([
  ['texts of policies that were changed', (random: SeededRandom): string => changedText([recommended], random)],
  ['policies that were made up', (random: SeededRandom): string => madePolicy(random, { decidable: false })],
  [
    'policies that were made up and changed',
    (random: SeededRandom): string => changedText([madePolicy(random, { decidable: false })], random),
  ],
])(
  '%s decide, or say what is wrong',
  async (name, make) => {
    const fates = await fuzz({ name, wanted: ['run'], make, run });
    expect(fates.get('run') ?? 0).toBeGreaterThan(0);
  },
  3_600_000,
);
