import { News } from './news.ts';

describe('news', () => {
  it('is what was not said within the time', () => {
    const clock = { ms: 0 };
    const news = new News(60_000, 10, () => clock.ms);
    expect([news.isNews('a'), news.isNews('a'), news.isNews('b')]).toEqual([true, false, true]);
    clock.ms = 60_000;
    expect([news.isNews('a'), news.isNews('a')]).toEqual([true, false]);
  });

  it('remembers no more than it may, the newest', () => {
    const news = new News(60_000, 2, () => 0);
    for (const subject of ['a', 'b', 'c']) news.isNews(subject);
    expect([news.isNews('c'), news.isNews('b'), news.isNews('a')]).toEqual([false, false, true]);
  });
});
