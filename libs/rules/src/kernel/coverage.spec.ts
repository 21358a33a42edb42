// What the sensor can serve of a rule, and what it says of the rest.
import { blindSpots, coverageOf, parseRule, type RuleCoverage } from '../index.ts';

const covered = (logsource: string, detection: string): RuleCoverage =>
  coverageOf(
    parseRule(
      'test.yml',
      `title: ${detection.length} characters\nlogsource: { ${logsource} }\ndetection: { ${detection} }\n`,
    ),
  );
const auditd = (detection: string): RuleCoverage => covered('product: linux, service: auditd', detection);
const whats = ({ lacks }: RuleCoverage): string[] => lacks.map(({ what }) => what);

describe('a rule', () => {
  it('whose every field is there runs whole', () => {
    expect(covered('category: process_creation', 's: { Image: /bin/sh }, condition: s')).toMatchObject({
      extent: 'whole',
      lacks: [],
    });
  });

  it.each([
    ['product: linux, service: sshd', 'service sshd', 'what programs log is not read'],
    ['category: network, service: dns', 'category network, service dns', 'what programs log'],
    ['product: windows, category: process_creation', 'product windows', 'the agent watches Linux'],
    ['definition: whatever', 'any log source', 'name a category'],
  ])('of %s is blind', (source, what, why) => {
    const { extent, lacks } = covered(source, 's: { f: 1 }, condition: s');
    expect(extent).toBe('none');
    expect(lacks).toEqual([{ cause: 'log source', what, why: expect.stringContaining(why) as string }]);
  });

  it('names each field that no event has, also one that another is compared with', () => {
    const coverage = covered(
      'category: network_connection',
      'a: { DestinationHostname: x, Image: y }, b: [{ "Image|fieldref": Company }, { sourceip: z }], condition: a or b',
    );
    expect(coverage.extent).toBe('none');
    expect(whats(coverage)).toEqual(['DestinationHostname', 'Company', 'sourceip']);
    expect(coverage.lacks[0]?.why).toContain('the kernel sees addresses');
  });

  it('one of whose ways can never be runs in part', () => {
    const coverage = auditd(
      'a: { type: SYSCALL, SYSCALL: personality }, b: { type: EXECVE, a0: sysctl }, condition: 1 of them',
    );
    expect(coverage.extent).toBe('part');
    expect(whats(coverage)).toEqual(['SYSCALL personality']);
  });

  it('all of whose ways can never be is blind', () => {
    expect(auditd('a: { type: SYSCALL, SYSCALL: [syslog, sysinfo] }, condition: a')).toMatchObject({
      extent: 'none',
      lacks: [{ what: 'SYSCALL syslog' }, { what: 'SYSCALL sysinfo' }],
    });
    expect(auditd('a: { type: SERVICE_STOP }, condition: a').extent).toBe('none');
  });

  it('loses nothing by a filter that never holds', () => {
    expect(auditd('a: { a0: id }, f: { SYSCALL: sysinfo }, condition: a and not f').extent).toBe('whole');
  });

  it('of the product alone looks for its words in what the sensor has', () => {
    expect(covered('product: linux', 's: [word], condition: s')).toMatchObject({
      extent: 'part',
      lacks: [{ what: 'texts that programs log' }],
    });
  });

  it('of paths sees changes only, unless it asks for those', () => {
    expect(whats(auditd('a: { type: PATH, name: /etc/issue }, condition: a'))).toEqual([
      'type PATH of files that are read',
    ]);
    expect(auditd('a: { type: PATH, nametype: CREATE }, condition: a').extent).toBe('whole');
  });

  it('of files that are read sees the sensitive ones', () => {
    const reads = (detection: string): RuleCoverage => covered('category: file_access', detection);
    expect(reads('s: { TargetFilename: /etc/shadow }, condition: s')).toMatchObject({
      extent: 'part',
      lacks: [{ what: 'files that are read' }],
    });
    expect(reads('s: { FileClass: ssh-key }, condition: s').extent).toBe('whole');
    expect(whats(reads('s: { FileClass: love-letter }, condition: s'))).toEqual(['FileClass love-letter']);
  });

  it('that is wrong is refused, not called blind', () => {
    expect(() => covered('category: process_creation', 's: { Image|containz: x }, condition: s')).toThrow('containz');
  });
});

describe('blind spots', () => {
  it('are told once each, the most asked for first', () => {
    const spots = blindSpots([
      auditd('a: { type: TTY }, condition: a'),
      auditd('a: { key: x, unit: y }, condition: a'),
      auditd('a: { key: other }, condition: a'),
    ]);
    expect(spots.map(({ what, rules }) => [what, rules.length])).toEqual([
      ['key', 2],
      ['type TTY', 1],
      ['unit', 1],
    ]);
    expect(spots.every(({ why }) => why.length > 20)).toBe(true);
  });
});
