// What a hostile name can do to a terminal: nothing, wherever a command prints it.
import { columns, lines, note, write, writeJson } from './columns.ts';
import { visibleLine, visibleText } from './visible.ts';

const hostile = 'a\u001b[31mred\u0007\u202egpj.exe\u009b2J\u0000\u007f\u{e0041}é漢🦊';
const shown = 'a\\x1b[31mred\\x07\\u202egpj.exe\\u009b2J\\x00\\u007f\\udb40\\udc41é漢🦊';

/** All that is written to a stream meanwhile. */
function saidTo(stream: NodeJS.WriteStream, say: () => void): string {
  let said = '';
  const spy = jest.spyOn(stream, 'write').mockImplementation((chunk) => {
    said += String(chunk);
    return true;
  });
  try {
    say();
  } finally {
    spy.mockRestore();
  }
  return said;
}

describe('what came from elsewhere', () => {
  it('shows its control characters and marks of direction', () => {
    expect(visibleLine(hostile)).toBe(shown);
    expect(visibleText(visibleText(hostile))).toBe(shown);
  });

  it('can not begin a line of its own in a table or a list', () => {
    expect(
      columns([
        ['TITLE', 'X'],
        ['a\nb\r\n\tc\u2028d', 'y'],
      ]),
    ).toBe('TITLE               X\na\\nb\\r\\n\\tc\\u2028d  y');
    expect(lines(['one', 'a\nb'])).toBe('one\na\\nb');
  });

  it('leaves the ends of lines and tabs of a text, and shows a return by itself', () => {
    expect(visibleText('a\r\n\tb\rc\n')).toBe('a\r\n\tb\\rc\n');
  });

  it('is shown by whatever a command writes', () => {
    const say = (): void => {
      write(hostile);
    };
    expect(saidTo(process.stdout, say)).toBe(`${shown}\n`);
    const aside = (): void => {
      note(hostile);
    };
    expect(saidTo(process.stderr, aside)).toBe(`${shown}\n`);
  });

  it('stays the same data as JSON', () => {
    const said = saidTo(process.stdout, () => {
      writeJson({ [hostile]: [hostile] });
    });
    expect(JSON.parse(said)).toEqual({ [hostile]: [hostile] });
    expect(said).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });
});
