// One NUL in what comes in, wherever it stands.
import { z } from 'zod';
import { Parsed } from './bounds.ts';

describe('a text that comes in', () => {
  const any = z.unknown();

  it.each([
    ['input', 'a\0'],
    ['members.1', { members: ['a', '\0'] }],
    ['process.imagePath', { process: { imagePath: '/bin/\0sh' } }],
    ['place', { place: { 'host\0': 'a' } }],
  ])('is refused for a NUL in %s', (place, value) => {
    const problem: unknown = expect.objectContaining({
      code: 'input_invalid',
      message: expect.stringMatching(new RegExp(`^Not understood: ${place}: holds a NUL`)),
    });
    expect(() => new Parsed(any).transform(value)).toThrow(problem as Error);
    expect(new Parsed(any, 'let be').transform(value)).toBe(value);
  });

  it('is taken with any other character, beside what is no text', () => {
    const value = { a: ['\u0001\u202e é', 1, null, true, undefined, { b: 'c' }] };
    expect(new Parsed(any).transform(value)).toBe(value);
  });
});
