import { HuntProgress } from './hunt-progress.ts';

describe('the progress of a hunt', () => {
  it('is the share of all its questions, grows only, and ends at 1', async () => {
    const told: [number, number][] = [];
    const progress = new HuntProgress(2, (share, rows) => told.push([share, rows]));
    const answer = await progress.follow((onProgress) => {
      onProgress({ rowsRead: 0, rowsToRead: 0 });
      onProgress({ rowsRead: 50, rowsToRead: 100 });
      onProgress({ rowsRead: 60, rowsToRead: 600 });
      return Promise.resolve('found');
    });
    await progress.follow((onProgress) => {
      onProgress({ rowsRead: 400, rowsToRead: 400 });
      return Promise.resolve();
    });
    expect(answer).toBe('found');
    expect(told).toEqual([
      [0, 0],
      [0.25, 50],
      [0.25, 60],
      [0.5, 60],
      [1, 460],
      [1, 460],
    ]);
  });

  it('passes on what a question failed with', async () => {
    const progress = new HuntProgress(1, () => undefined);
    await expect(progress.follow(() => Promise.reject(new Error('too slow')))).rejects.toThrow('too slow');
  });
});
