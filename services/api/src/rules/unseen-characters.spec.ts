// Which characters of an imported rule are refused, and with which sentence.
import { readEach } from '@norn/rules';
import { refuseNulOf, refuseUnseen } from './unseen-characters.ts';

const rule = (title: string, author = 'Ada', image = '/a'): string =>
  `title: ${title}\nauthor: ${author}\nlogsource: { category: a }\ndetection: { a: { Image: ${image} }, condition: a }\n`;

function take(text: string, name = 'a.yml'): void {
  refuseNulOf({ name, text });
  for (const each of readEach({ name, text })) refuseUnseen(each.rule);
}

describe('an imported rule', () => {
  it.each([
    ['a.yml:1: the file: holds the control character U+0000', rule('a\0b')],
    ['a.yml:4: the file: holds the control character U+0000', rule('a', 'Ada', '/a\0')],
    ['a.yml:1: title: holds the control character U+0000', rule('"a\\0b"')],
    ['a.yml:1: title: holds the control character U+001B', rule('"a\\e[31mb"')],
    ['a.yml:1: title: holds the control character U+009B', rule('"a\\x9bb"')],
    ['a.yml:1: author: holds the control character U+0007', rule('a', '"a\\a"')],
  ])('is refused: %s', (why, text) => {
    expect(() => {
      take(text);
    }).toThrow(why);
  });

  it('is refused by a name that no file has', () => {
    expect(() => {
      take(rule('a'), 'a\0.yml');
    }).toThrow('the name: holds the control character U+0000');
  });

  it('may look for such characters, write from right to left, and have lines', () => {
    expect(() => {
      take(rule('"Right \\u202e to left"', '"Ada,\\n\\tGrace"', '"/a\\0\\e"'));
    }).not.toThrow();
  });
});
