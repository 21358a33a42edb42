import { progressLine, startProgressBar } from './progress-bar.ts';

/** A stream that remembers what was written to it. */
function terminalOf(isTTY: boolean) {
  const written: string[] = [];
  const terminal = { isTTY, write: (text: string) => written.push(text) > 0 } as unknown as NodeJS.WriteStream;
  return { terminal, written };
}

describe('the progress of something long', () => {
  it('is a bar with a share and a count', () => {
    expect(progressLine(0.25, 1234, 'events')).toBe(`${'█'.repeat(6)}${'░'.repeat(18)}  25 %  1,234 events`);
    expect(progressLine(1.5, 0, 'rows')).toBe(`${'█'.repeat(24)} 100 %  0 rows`);
  });

  it('is drawn on a terminal, not more often than one sees, and taken away', () => {
    const { terminal, written } = terminalOf(true);
    const bar = startProgressBar(terminal);
    bar.draw(0.1, 1);
    bar.draw(0.2, 2);
    bar.clear();
    expect(written).toEqual([`\r${progressLine(0.1, 1, 'events')}`, '\r\u001b[K']);
  });

  it('is silent where nobody watches', () => {
    const { terminal, written } = terminalOf(false);
    const bar = startProgressBar(terminal);
    bar.draw(0.5, 1);
    bar.clear();
    expect(written).toEqual([]);
  });
});
