import { verificationText } from './command.ts';

const whole = { sealed: 12, waiting: 0, head: 'ab'.repeat(32), brokenNumber: 0, brokenReason: '' };

describe('what ./norn audit verify says', () => {
  it('is that the trail is whole, up to which seal', () => {
    expect(verificationText(whole)).toMatch(
      /^The trail is whole: 12 entries are as sealed\.\nLast seal: 12:(ab){32}\n/,
    );
    expect(verificationText({ ...whole, sealed: 1, waiting: 2 })).toMatch(/1 entry is as sealed, 2 of the last minute/);
  });

  it('is where it is broken, and how', () => {
    expect(verificationText({ ...whole, brokenNumber: 13, brokenReason: 'the entry is missing' })).toBe(
      'The trail is broken at entry 13: the entry is missing. Before it 12 entries are as sealed.',
    );
  });
});
