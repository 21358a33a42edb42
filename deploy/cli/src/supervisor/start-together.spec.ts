import { startTogether } from './start-together.ts';

describe('parts that start together', () => {
  it('are waited for, and those that are still missing are named', async () => {
    let finish: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => (finish = resolve));
    const told: string[] = [];
    const parts = [
      { name: 'storage', start: () => slow },
      { name: 'ingest', start: () => Promise.resolve() },
    ];
    const tell = (sentence: string): void => {
      told.push(sentence);
      finish();
    };
    await startTogether(parts, tell, 5);
    expect(told).toEqual([expect.stringMatching(/^Still waiting for storage, for \d+ s so far$/)]);
  });

  it('fail together with what the first failed of, and that is told while others are waited for', async () => {
    let finish: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => (finish = resolve));
    const told: string[] = [];
    const parts = [
      { name: 'kafka', start: () => Promise.reject(new Error('no room')) },
      { name: 'clickhouse', start: () => slow },
    ];
    const tell = (sentence: string): void => {
      told.push(sentence);
      finish();
    };
    await expect(startTogether(parts, tell, 5)).rejects.toThrow('no room');
    expect(told[0]).toMatch(/waiting for clickhouse, .*; kafka did not start \(no room\)$/);
  });
});
