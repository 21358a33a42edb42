import { SeededRandom } from '@norn/base';
import { foldCase } from './fold.ts';
import { type Literal, LiteralIndex, type TextBytes, isAscii } from './literal-index.ts';

describe('LiteralIndex', () => {
  const literals = [
    'passwd',
    '/etc/',
    'sh',
    'a',
    'größe',
    'ß',
    '--rm -rf',
    'etc/pass',
    '^/etc',
    '^a',
    'wd$',
    'h$',
    '^sh$',
  ];
  const index = new LiteralIndex(literals.map(literalOf));

  it.each([
    ['nothing in nothing', '', []],
    ['all that overlap', 'x/etc/passwd/', ['passwd', '/etc/', 'a', 'etc/pass']],
    ['capitals of ASCII', '/BIN/SH', ['sh', 'h$']],
    ['what begins and ends the text', 'sh x passwd', ['sh', 'passwd', 'a', 'wd$']],
    ['what may only begin it', 'a/etc', ['a', '^a']],
    ['what is all of it', 'sh', ['sh', 'h$', '^sh$']],
    ['letters of several bytes', 'die größe', ['größe', 'ß']],
  ])('finds %s', (_, text, expected) => {
    expect(foundIn(index, literals, bytesOf(text))).toEqual(expected.toSorted());
  });

  it('does not look beyond the text', () => {
    const bytes = Buffer.from('x/etc/passwd');
    expect(foundIn(index, literals, { bytes, start: 2, end: 11 })).toEqual(['a', 'etc/pass'].toSorted());
    expect(foundIn(index, literals, { bytes, start: 1, end: 12 })).toContain('^/etc');
  });

  it('finds what a search one by one finds', () => {
    const random = new SeededRandom(5);
    const pick = (length: number): string => Array.from({ length }, () => 'abABé/ſK'.charAt(random.below(8))).join('');
    const made = Array.from({ length: 60 }, () => {
      const text = foldCase(pick(1 + random.below(6)));
      return random.pick([text, `^${text}`, `${text}$`, `^${text}$`]);
    });
    const madeIndex = new LiteralIndex(made.map(literalOf));
    for (let round = 0; round < 2_000; round += 1) {
      const text = foldCase(pick(random.below(30)));
      const expected = new Set(made.filter((each) => isIn(literalOf(each), text)));
      expect(foundIn(madeIndex, made, bytesOf(text))).toEqual([...expected].toSorted());
    }
  });
});

/** As a regular expression says it. */
function literalOf(written: string): Literal {
  return { text: written.replaceAll(/[$^]/g, ''), atStart: written.startsWith('^'), atEnd: written.endsWith('$') };
}

function isIn({ text, atStart, atEnd }: Literal, where: string): boolean {
  if (atStart && atEnd) return where === text;
  if (atStart) return where.startsWith(text);
  return atEnd ? where.endsWith(text) : where.includes(text);
}

describe('isAscii', () => {
  it('looks at the text alone', () => {
    const bytes = Buffer.from('éabcé');
    expect([isAscii({ bytes, start: 2, end: 5 }), isAscii({ bytes, start: 1, end: 5 })]).toEqual([true, false]);
  });
});

function bytesOf(text: string): TextBytes {
  const bytes = Buffer.from(text);
  return { bytes, start: 0, end: bytes.length };
}

function foundIn(index: LiteralIndex, literals: readonly string[], text: TextBytes): string[] {
  const found = new Set<string>();
  index.search(text, (literal) => found.add(literals[literal] ?? ''));
  return [...found].toSorted();
}
