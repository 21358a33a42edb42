// Sigma 2.1 over records of any form: every modifier, kind of value and kind of document.
import { Engine, RecordBatch, readRules, recordLayout, type EngineOptions, type EventRecord } from './index.ts';

const head = 'title: A rule of a test\nid: 00000000-0000-4000-8000-000000000001\nlogsource: { product: any }\n';

function engineOf(text: string, options?: EngineOptions): Engine<RecordBatch> {
  return new Engine(recordLayout(), readRules([{ name: 'test.yml', text }]).rules, options);
}

function fires(detection: string, event: EventRecord, options?: EngineOptions): boolean {
  const lines = detection.split('\n').map((line) => `  ${line}`);
  const engine = engineOf(`${head}detection:\n${lines.join('\n')}\n`, options);
  return engine.evaluate(new RecordBatch([{ filler: 1 }, event])).matches.some(({ row }) => row === 1);
}

describe('a modifier', () => {
  it.each([
    ['f|neq: a', { f: 'b' }, true],
    ['f|neq: a', { f: 'A' }, false],
    ['f|neq: [a, b]', { f: 'b' }, false],
    ['f|neq: a', {}, true],
    ['f|lt: 10', { f: 9 }, true],
    ['f|lt: 10', { f: '10' }, false],
    ['f|lte: 10', { f: '10' }, true],
    ['f|gt: 1.5', { f: '1.6' }, true],
    ['f|gte: 0x10', { f: '15' }, false],
    ['f|gt: 1', { f: 'many' }, false],
    ['f|gt: 1', {}, false],
    ['f|cidr: 10.1.0.0/16', { f: '10.1.2.3' }, true],
    ['f|cidr: 10.1.0.0/16', { f: '10.2.2.3' }, false],
    ['f|cidr: [192.0.2.0/24, fd00::/8]', { f: 'fd12::1' }, true],
    ['f|cidr: 10.1.0.0/16', { f: 'localhost' }, false],
    ['f|exists: true', { f: '' }, true],
    ['f|exists: true', { f: null }, false],
    ['f|exists: false', {}, true],
    ['f: null', {}, true],
    ['f: null', { f: null }, true],
    ['f: null', { f: '' }, false],
    ['f: ""', { f: '' }, true],
    ['f: ""', {}, false],
    ['f|fieldref: g', { f: 'Same', g: 'sAME' }, true],
    ['f|fieldref|cased: g', { f: 'Same', g: 'sAME' }, false],
    ['f|fieldref: g', { f: 'a' }, false],
    ['f|fieldref|startswith: g', { f: '/srv/a', g: '/srv' }, true],
    ['f|fieldref|neq: g', { f: 'a', g: 'b' }, true],
    ['f|windash|contains: " -exec "', { f: 'find . /exec rm' }, true],
    ['f|windash|contains: " -exec "', { f: 'find . –exec rm' }, true],
    ['f|windash|contains: " -exec "', { f: 'find . +exec rm' }, false],
    ['f|base64|contains: "/bin/bash"', { f: `echo ${Buffer.from('/bin/bash').toString('base64')}` }, true],
    ['f|base64|contains: "/bin/bash"', { f: 'echo /bin/bash' }, false],
    ['f|wide|base64offset|contains: ping', { f: Buffer.from('x ping', 'utf16le').toString('base64') }, true],
    ['f|utf16le|contains: cmd', { f: 'c\0m\0d\0' }, true],
    ['f|utf16be|contains: cmd', { f: '\0c\0m\0d' }, true],
    ['f|utf16|startswith: cmd', { f: '\xff\xfec\0m\0d\0' }, true],
    ['f|minute: 7', { f: '2026-11-26T23:07:00Z' }, true],
    ['f|hour|gte: 22', { f: '2026-11-26 23:07:00' }, true],
    ['f|hour: 23', { f: 1_795_734_420 }, true],
    ['f|day: 26', { f: '2026-11-26T00:00:00+00:00' }, true],
    ['f|week: 53', { f: '2026-12-31' }, true],
    ['f|week: 53', { f: '2027-01-03' }, true],
    ['f|month: 11', { f: '2026-11-26' }, true],
    ['f|year: 2026', { f: '2026-11-26' }, true],
    ['f|year: 2026', { f: 'yesterday' }, false],
    ['f|contains|all|cased: [A, b]', { f: 'xAxb' }, true],
    ['f|contains|all|cased: [A, b]', { f: 'xaxb' }, false],
    ['f|re: "(?i)^a.*z$"', { f: 'A--Z' }, true],
    ['f|re|s: "a.b"', { f: 'a\nb' }, true],
    ['f|re|m: "^b$"', { f: 'a\nb' }, true],
    ['f|re: "x{0,3}end"', { f: 'the end' }, true],
    ['f|re: "(foo|bar)?baz"', { f: 'baz' }, true],
    ['f|re: "[|]pipe"', { f: 'a |pipe' }, true],
    ['f: 4625', { f: '4625' }, true],
    ['f: true', { f: true }, true],
    ['g.h: deep', { g: { h: 'deep' } }, true],
    ['f: b', { f: ['a', 'b'] }, true],
    ['f: ["*a", "b?"]', { f: 'bc' }, true],
    ['f: "a?b"', { f: 'a😀b' }, true],
    ['f: "a??b"', { f: 'a😀b' }, false],
    ['f|contains: ΟΔΟΣ', { f: 'ΟΔΟΣΑ' }, true],
    ['f|re: ΟΔΟΣ', { f: 'ΟΔΟΣΑ' }, true],
    ['f|re|i: bash', { f: 'BAſH' }, true],
    ['f|re: \\x41bc', { f: 'Abc' }, true],
    ['f|re: \\pLoad', { f: 'Load' }, true],
    ['f|lt: 10', { f: '0b11' }, false],
    ['f|gt: 10', { f: ' 0xFF ' }, true],
    ['f|day: 2', { f: '2026-02-30' }, false],
    ['f|year: 1901', { f: '0001-01-01' }, false],
    ['f|cidr: 10.1.0.0/16', { f: '::ffff:10.1.2.3' }, true],
    ['f|cidr: "fe80::/10"', { f: 'fe80::1%eth0' }, false],
  ] as const)('%s over %j is %s', (field, event, expected) => {
    expect(fires(`s:\n  ${field}\ncondition: s`, event)).toBe(expected);
  });

  it.each([0, 1, 2, 3, 4])('base64offset finds the text after %i other bytes, and none that is cut', (shift) => {
    const detection = 's: { f|base64offset|contains: "curl http" }\ncondition: s';
    const encoded = (text: string): string => Buffer.from('x'.repeat(shift) + text).toString('base64');
    expect(fires(detection, { f: encoded('curl http://example.org') })).toBe(true);
    expect(fires(detection, { f: encoded('curl http') })).toBe(true);
    expect(fires(detection, { f: encoded('curl-http') })).toBe(false);
  });

  it('expand takes the values that were given, around what stands beside the placeholder', () => {
    const placeholders = new Map([['admins', ['root', 'adm_*']]]);
    const detection = 's: { f|expand: "user=%admins%" }\ncondition: s';
    expect(fires(detection, { f: 'user=adm_7' }, { placeholders })).toBe(true);
    expect(fires(detection, { f: 'user=eve' }, { placeholders })).toBe(false);
    expect(fires('s: { f: "%admins%" }\ncondition: s', { f: '%admins%' })).toBe(true);
  });
});

describe('keywords', () => {
  it('are looked for in the whole event', () => {
    expect(fires('k: [segfault, "kernel *panic"]\ncondition: k', { message: 'a Kernel did Panic' })).toBe(true);
    expect(fires('k: [segfault]\ncondition: k', { other: 'segfault at 0' })).toBe(true);
    expect(fires('k: [segfault]\ncondition: k', { other: 'seg fault' })).toBe(false);
  });

  it('with all must all be there, in whichever field', () => {
    const detection = "k: { '|all': [one, two] }\ncondition: k";
    expect(fires(detection, { a: 'one', b: 'two' })).toBe(true);
    expect(fires(detection, { a: 'one', b: 'three' })).toBe(false);
  });

  it('may stand beside maps', () => {
    expect(fires('k: [word, { f: 1 }]\ncondition: k', { f: '1' })).toBe(true);
    expect(fires('k: word\ncondition: k', { f: 'a word' })).toBe(true);
  });
});

describe('a rule', () => {
  it('with several conditions needs one of them', () => {
    const detection = 'a: { f: 1 }\nb: { f: 2 }\ncondition: [a, b]';
    expect(fires(detection, { f: 2 })).toBe(true);
    expect(fires(detection, { f: 3 })).toBe(false);
  });

  it('that only denies is looked at for every event', () => {
    expect(fires('a: { f: 1 }\ncondition: not a', { g: 1 })).toBe(true);
    expect(fires('a: { f: 1 }\ncondition: not a', { f: 1 })).toBe(false);
  });

  it('may have keys of its own', () => {
    const text = `${head}simulation: [1]\ndetection: { a: { f: 1 }, condition: a }\n`;
    expect(() => engineOf(text)).not.toThrow();
  });
});

describe('a filter', () => {
  const rule = `${head}name: all_users\ndetection: { a: { f: 1 }, condition: 1 of them }\n`;
  const filter = (condition: string, rules = '[all_users]'): string =>
    `---\ntitle: Not the admins\nlogsource: { product: any }\nfilter:\n  rules: ${rules}\n  a: { u|startswith: adm_ }\n  condition: ${condition}\n`;

  it.each(['a', 'not a', '1 of them'])('with the condition "%s" takes away what its selection finds', (condition) => {
    const engine = engineOf(rule + filter(condition));
    const batch = new RecordBatch([{ f: 1, u: 'adm_1' }, { f: 1, u: 'eve' }, { f: 1 }, { u: 'eve' }]);
    expect(engine.evaluate(batch).matches.map(({ row }) => row)).toEqual([1, 2]);
  });

  it('for any rule leaves those of other sources alone', () => {
    const elsewhere = filter('a', 'any').replace('product: any', 'product: other');
    const engine = engineOf(rule + elsewhere);
    expect(engine.evaluate(new RecordBatch([{ f: 1, u: 'adm_1' }])).matches).toHaveLength(1);
  });

  it('says which rule it does not find', () => {
    expect(() => engineOf(rule + filter('a', '[nobody]'))).toThrow('no rule has the id or name "nobody"');
  });
});
