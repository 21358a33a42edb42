import { hostRulesOf, parsePolicy, testPolicy } from '@norn/response';
import { enforcementText, policyTestText } from './policy-text.ts';
import { readPolicy, readPolicyText } from './read-policy.ts';

describe('tests of a policy', () => {
  it('are counted on the last line, with those that are wrong and the rules that have none before it', () => {
    const text = `policy: p
rules:
  - { name: a, when: { exec: { Image: /a } }, action: allow }
  - { name: b, when: { exec: { Image|startswith: / } }, action: kill, tests: { match: [{ Image: /a }, { Image: /b }] } }
`;
    const policy = parsePolicy('p.yml', text.replace('kill', 'deny'));
    expect(policyTestText(testPolicy(policy), hostRulesOf(policy).enforcement)).toBe(
      '✘ b leaves to a {"Image":"/a"}\nwithout a test: a\nb: denied on the hosts\npolicy rules 2, tests 1/2',
    );
  });

  it('say what is not denied on the hosts, and why', () => {
    const why = 'before it happens hosts do not know CommandLine';
    expect(enforcementText({ rule: 'a', denied: 'part', why })).toBe(
      `a: denied on the hosts in part, else answered (${why})`,
    );
    expect(enforcementText({ rule: 'a', denied: 'none', why })).toBe(
      `a: not denied on the hosts, else answered (${why})`,
    );
  });

  it("are found in Norn's own policy by its name", async () => {
    const { policy } = await readPolicy('recommended');
    expect(policy).toBe('recommended');
    await expect(readPolicyText('/no/such.yml')).rejects.toThrow('name a YAML file, or "recommended"');
  });
});
