// What a policy file may say, and what of it is refused with line and cure.
import { parsePolicy, PolicyEngine } from '../index.ts';

const policy = (rule: string): string => `policy: trial
rules:
  - name: one
    action: kill
${rule
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
`;

describe('a policy file', () => {
  it('is read with its rules in their order and what they leave out', () => {
    const text = `${policy('when: { exec: { Image: /bin/a } }')}  - name: two
    when: { hash: ${'A'.repeat(64)} }
    subjects: { hostGroup: web, user: [root, 0] }
    action: observe
`;
    const { policy: name, version, rules } = parsePolicy('p.yml', text);
    expect([name, version]).toEqual(['trial', 1]);
    expect(rules.map(({ name, kind, action }) => [name, kind, action])).toEqual([
      ['one', 'exec', 'kill'],
      ['two', 'hash', 'observe'],
    ]);
    expect(rules[1]?.subjects).toEqual({ hostGroup: ['web'], user: ['root', 0] });
  });

  it.each([
    ['a kind twice', 'when: { exec: { Image: a }, file: { Image: a } }', 'p.yml:5: rules.0.when: exec and file'],
    ['no kind', 'when: { operations: [out] }', 'p.yml:5: rules.0.when: asks for nothing'],
    [
      'an operation of another kind',
      'when: { exec: { Image: a }, operations: [out] }',
      '"out" is nothing that exec has',
    ],
    ['an unknown key', 'when: { exec: { Image: a } }\nactoin: kill', 'unknown key actoin'],
    ['a hash that is none', 'when: { hash: 12ab }', 'is not the 64 hex digits'],
    ['a date that is none', "when: { exec: { Image: a } }\nobserveUntil: '2027-13-45'", 'is no date of the calendar'],
    [
      'a level too low for what it does',
      'when: { exec: { Image: a } }\nlevel: low',
      'nothing below medium opens an alert',
    ],
    ['a way out without deny', 'when: { exec: { Image: a } }\notherwise: kill', 'is for deny, and this is kill'],
    [
      'a virtual patch without tests',
      'when: { exec: { Image: a } }\ncve: CVE-2021-44228',
      'CVE-2021-44228 needs an event that matches and one that does not',
    ],
  ])('with %s is refused, with line and cure', (_what, rule, error) => {
    expect(() => parsePolicy('p.yml', policy(rule))).toThrow(
      expect.objectContaining({ code: 'policy_invalid', message: expect.stringContaining(error) as string }) as Error,
    );
  });

  it('with two rules of one name is refused', () => {
    const twice = `${policy('when: { drift: true }')}${policy('when: { drift: true }').split('\n').slice(2).join('\n')}`;
    expect(() => parsePolicy('p.yml', twice)).toThrow('p.yml:6: rules.1.name: one is there twice');
  });

  it.each([
    ['a field', 'when: { exec: { Imag: a } }', 'p.yml:5: rules.0.when.exec.Imag: process_creation has no field "Imag"'],
    [
      'an exception',
      'when:\n  exec: { Image: a }\n  not: { Image|endwith: a }',
      'p.yml:7: rules.0.when.not.Image|endwith',
    ],
    ['a regular expression', "when: { network: { Image|re: '(' } }", 'rules.0.when.network.Image|re'],
  ])('whose rule has %s that is not known is refused by its line', (_what, rule, error) => {
    const read = parsePolicy('p.yml', policy(rule));
    expect(() => new PolicyEngine(read)).toThrow(
      expect.objectContaining({ code: 'policy_invalid', message: expect.stringContaining(error) as string }) as Error,
    );
  });
});
