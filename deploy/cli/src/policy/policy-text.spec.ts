import { parsePolicy, testPolicy } from '@norn/response';
import { policyTestText } from './policy-text.ts';
import { readPolicy, readPolicyText } from './read-policy.ts';

describe('tests of a policy', () => {
  it('are counted on the last line, with those that are wrong and the rules that have none before it', () => {
    const text = `policy: p
rules:
  - { name: a, when: { exec: { Image: /a } }, action: allow }
  - { name: b, when: { exec: { Image|startswith: / } }, action: kill, tests: { match: [{ Image: /a }, { Image: /b }] } }
`;
    expect(policyTestText(testPolicy(parsePolicy('p.yml', text)))).toBe(
      '✘ b leaves to a {"Image":"/a"}\nwithout a test: a\npolicy rules 2, tests 1/2',
    );
  });

  it("are found in Norn's own policy by its name", async () => {
    const { policy } = await readPolicy('recommended');
    expect(policy).toBe('recommended');
    await expect(readPolicyText('/no/such.yml')).rejects.toThrow('name a YAML file, or "recommended"');
  });
});
