import { ago, bytes, columns } from './columns.ts';

describe('columns', () => {
  it('gives each column the width of its widest cell', () => {
    expect(
      columns([
        ['ID', 'STATE'],
        ['4f1c', 'open'],
        ['4', 'x'],
      ]),
    ).toBe('ID    STATE\n4f1c  open\n4     x');
  });
});

describe('ago', () => {
  const now = new Date('2026-01-01T12:00:00Z');
  it.each([
    ['2026-01-01T11:59:57Z', '3 s ago'],
    ['2026-01-01T11:55:00Z', '5 min ago'],
    ['2025-12-31T12:00:00Z', '1 d ago'],
    ['', '–'],
  ])('reads %s as %s', (time, text) => {
    expect(ago(time, now)).toBe(text);
  });
});

describe('bytes', () => {
  it('keeps one digit behind the point above a kilobyte', () => {
    expect([bytes(0), bytes(999), bytes(1500), bytes(2_400_000)]).toEqual(['0 B', '999 B', '1.5 KB', '2.4 MB']);
  });
});
