import { limits } from '../limits.ts';
import { InsideEnd } from './inside-end.ts';

describe('the end of a container with the agent inside', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function scene() {
    const tell = jest.fn();
    return { tell, end: new InsideEnd(tell) };
  }

  it('is told of once, at its farewell', () => {
    const { tell, end } = scene();
    end.hasEnded();
    end.gone();
    jest.runAllTimers();
    expect([end.ended, tell.mock.calls.length]).toEqual([true, 1]);
  });

  it('is told of when the agent is gone without one, unless it is back soon', () => {
    const { tell, end } = scene();
    end.gone();
    end.connected();
    jest.runAllTimers();
    expect(end.ended).toBe(false);
    end.gone();
    jest.advanceTimersByTime(limits.insideGoneMs);
    expect([end.ended, tell.mock.calls.length]).toEqual([true, 1]);
    end.connected();
    expect(end.ended).toBe(false);
  });

  it('is waited for, but not for ever', async () => {
    const { end } = scene();
    const waited = jest.fn();
    void end.untilEnded().then(waited);
    await jest.advanceTimersByTimeAsync(limits.insideEndSendMs);
    expect(waited).not.toHaveBeenCalled();
    end.hasEnded();
    await jest.advanceTimersByTimeAsync(0);
    await jest.advanceTimersByTimeAsync(limits.insideEndSendMs);
    expect(waited).toHaveBeenCalledTimes(1);
    const { end: never } = scene();
    void never.untilEnded().then(waited);
    await jest.advanceTimersByTimeAsync(limits.insideEndWaitMs + limits.insideEndSendMs);
    expect(waited).toHaveBeenCalledTimes(2);
  });
});
