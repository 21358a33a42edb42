import { isSelected } from './rollback-part.ts';

describe('a selection of rows', () => {
  it('takes all when none is named, and else those whose name holds a word of it', () => {
    expect(isSelected('host in-place', { select: [] })).toBe(true);
    expect(isSelected('host in-place', { select: ['container', 'in-place'] })).toBe(true);
    expect(isSelected('host in-place', { select: ['container'] })).toBe(false);
  });
});
