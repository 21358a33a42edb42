// The part of a policy that hosts decide by themselves, against what the whole policy decides.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '@norn/base';
import { policy } from '@norn/contracts';
import { buildRuleBatch, type TestEvent } from '@norn/rules';
import { hostRulesOf, parsePolicy, PolicyEngine } from '../src/index.ts';
import { madeEvent, madeGroups, madePolicy } from './made-policies.ts';
import { referenceDecision } from './reference-host.ts';

const { HostAction, HostEvent, HostField, HostOperator } = policy;
const timeUs = Date.parse('2027-01-01') * 1000;

/** What the whole policy says of one event: rule and action. */
function fullDecision(engine: PolicyEngine, event: TestEvent, groups: readonly string[]): string | undefined {
  const [decision] = engine.decide(buildRuleBatch([event]), { groups, timeUsOf: () => timeUs }).decisions;
  return decision && `${decision.rule.name} ${decision.action}`;
}

/** What the hosts say of it, where it is more than to pass. */
function hostDecision(
  rules: readonly policy.HostRule[],
  event: TestEvent,
  groups: readonly string[],
): string | undefined {
  const decision = referenceDecision(rules, event, { groups, timeUs });
  if (decision === undefined || decision.action === HostAction.PASS) return undefined;
  return `${decision.name.slice('made.'.length)} ${decision.action === HostAction.DENY ? 'deny' : 'allow'}`;
}

function tryPolicies(decidable: boolean, judge: (full: string | undefined, host: string | undefined) => void): number {
  let told = 0;
  for (let number = 0; number < 800; number += 1) {
    const random = new SeededRandom(number);
    const made = parsePolicy('made.yml', madePolicy(random, { decidable }));
    const [engine, { rules }] = [new PolicyEngine(made), hostRulesOf(made)];
    for (let tries = 0; tries < 40; tries += 1) {
      const [event, groups] = [madeEvent(random), [random.pick(madeGroups)]];
      const [full, host] = [fullDecision(engine, event, groups), hostDecision(rules, event, groups)];
      try {
        judge(full, host);
      } catch (error) {
        const shown = JSON.stringify({ policy: made.rules, event, groups });
        throw new Error(`policy ${number}: ${full} in full, ${host} on the host: ${shown}`, { cause: error });
      }
      told += Number(host !== undefined);
    }
  }
  return told;
}

describe('a host', () => {
  it('denies and allows nothing that the whole policy does not', () => {
    const told = tryPolicies(false, (full, host) => {
      if (host !== undefined) expect(host).toBe(full);
    });
    expect(told).toBeGreaterThan(500);
  });

  it('denies and allows all that its rules wholly ask what it knows', () => {
    const told = tryPolicies(true, (full, host) => {
      expect(host).toBe(full !== undefined && /(deny|allow)$/.test(full) ? full : undefined);
    });
    expect(told).toBeGreaterThan(500);
  });
});

const rulesOf = (...rules: string[]) =>
  hostRulesOf(parsePolicy('p.yml', `policy: shop\nrules:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`));
const deny = (when: string, more = ''): string => `{ name: a, when: ${when}, action: deny${more} }`;

describe('a rule that denies becomes', () => {
  it('tests with its groups, its date and its words', () => {
    const { rules, enforcement } = rulesOf(
      deny(
        `{ exec: { Image|endswith: [/nc, /Ncat], ParentImage|contains|cased: 'a*b' }, not: { Container|exists: true } }`,
        `, subjects: { hostGroup: 'web-*' }, observeUntil: '2027-01-31', level: high, techniques: [T1059]`,
      ),
    );
    expect(enforcement).toEqual([{ rule: 'a', denied: 'all', why: '' }]);
    expect(rules).toMatchObject([
      {
        name: 'shop.a',
        event: HostEvent.EXEC,
        action: HostAction.DENY,
        actsFromUs: BigInt(Date.parse('2027-01-31') * 1000),
        hostGroups: ['web-*'],
        text: { level: 'high', techniques: ['T1059'], summary: 'rule a of policy shop' },
      },
    ]);
    const tests = rules[0]?.any[0]?.all.map(({ field, operator, values, cased, negated }) => [
      field,
      operator,
      values,
      cased,
      negated,
    ]);
    expect(tests?.sort()).toEqual([
      [HostField.IMAGE, HostOperator.LIKE, ['*/nc', '*/ncat'], false, false],
      [HostField.PARENT_IMAGE, HostOperator.LIKE, ['*a*b*'], true, false],
      [HostField.CONTAINER, HostOperator.EXISTS, [], false, true],
    ]);
  });

  it('one of connections and one of bound sockets, where it asks about both', () => {
    const { rules } = rulesOf(deny('{ network: { Image: /bin/sh, DestinationIp|cidr: 10.0.0.0/8 } }'));
    expect(rules.map(({ event, action }) => [event, action])).toEqual([
      [HostEvent.CONNECT, HostAction.DENY],
      [HostEvent.BIND, HostAction.PASS],
    ]);
    expect(rulesOf(deny('{ network: { SourcePort: 22 }, operations: [in] }')).rules).toMatchObject([
      {
        event: HostEvent.BIND,
        action: HostAction.DENY,
        any: [{ all: [{ field: HostField.DESTINATION_PORT, values: ['22'] }] }],
      },
    ]);
  });

  it.each([
    ['{ exec: { Image: /a, CommandLine|contains: x } }', 'none', 'CommandLine'],
    ['{ exec: { Image|re: ^/a } }', 'none', 'Image by a regular expression'],
    ['{ exec: { UserId|gt: 1000 } }', 'none', 'UserId as a number'],
    ['{ exec: { Image: /opt/É } }', 'none', 'Image with capitals beyond ASCII'],
    ['{ network: { DestinationPort|gte: 1024 }, operations: [out] }', 'none', 'DestinationPort as a number'],
    ['{ exec: [{ Image: /a }, { CommandLine: x }] }', 'part', 'CommandLine'],
    ['{ file: { TargetFilename: /etc/passwd } }', 'none', 'not about files'],
  ])('less where a host does not know it: %s', (when, denied, why) => {
    const { enforcement } = rulesOf(deny(when));
    expect(enforcement).toEqual([{ rule: 'a', denied, why: expect.stringContaining(why) as string }]);
  });

  it('nothing behind a rule of which a host knows nothing', () => {
    const first = '{ name: quiet, when: { exec: { CommandLine|contains: --safe } }, action: allow }';
    const { enforcement } = rulesOf(first, deny('{ exec: { Image: /a } }'));
    expect(enforcement[0]).toMatchObject({
      denied: 'none',
      why: expect.stringContaining('of shop.quiet, which comes before it') as string,
    });
  });

  it('rather too little than more matches than hosts should try', () => {
    const maps = Array.from({ length: 9 }, (_, number) => `{ Image: /a${number}, ParentImage: /b${number} }`);
    const { rules, enforcement } = rulesOf(deny(`{ exec: { Container|exists: true }, not: [${maps.join(', ')}] }`));
    expect(enforcement[0]).toMatchObject({
      denied: 'none',
      why: expect.stringContaining('as many alternatives') as string,
    });
    expect(rules.map(({ action, any }) => [action, any.length <= 256])).toEqual([[HostAction.PASS, true]]);
  });
});

it('says what of the recommended policy hosts deny', () => {
  const file = join(import.meta.dirname, '../policies/recommended.yml');
  const recommended = hostRulesOf(parsePolicy('recommended.yml', readFileSync(file, 'utf8')));
  for (const { rule, denied, why } of recommended.enforcement)
    console.log(`${denied.padEnd(5)}${rule}${why && `: ${why}`}`);
  expect(recommended.enforcement.filter(({ denied }) => denied === 'all').length).toBeGreaterThan(0);
});
