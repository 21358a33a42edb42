import { Recent } from './recent.ts';

describe('a recent memory', () => {
  it('keeps what is asked for and forgets what is not, within its bound', () => {
    const recent = new Recent<number>(100);
    recent.set('asked for', 1);
    recent.set('forgotten', 2);
    for (let n = 0; n < 120; n++) {
      recent.set(`passing ${n}`, n);
      expect(recent.get('asked for')).toBe(1);
    }
    expect(recent.get('forgotten')).toBeUndefined();
    expect(recent.get('passing 119')).toBe(119);
  });
});
