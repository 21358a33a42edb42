// Which alert is the attack's, of those of its container.
import type { ApiClient } from '@norn/cli';
import type { ShownAlert } from '@norn/contracts';
import { followAlert } from './follow.ts';

const begunAt = Date.parse('2026-12-01T12:00:00.500Z');
const container = 'c'.repeat(64);

function alertOf(id: string, change: Partial<ShownAlert> = {}): ShownAlert {
  const made = { version: 1, state: 'open', createdAt: '2026-12-01T12:00:01Z', containerId: container };
  return { id, ...made, files: {}, killedPids: [], ...change } as unknown as ShownAlert;
}

/** Alerts come one after the other, the newest first; each answer has one more. */
async function followed(alerts: readonly ShownAlert[], known: readonly [string, number][] = []): Promise<unknown> {
  let answers = 0;
  const get = <Answer>(): Promise<Answer> => {
    answers += 1;
    return Promise.resolve({ alerts: alerts.slice(0, answers).toReversed() } as Answer);
  };
  const times = { begunAt, detectWithinMs: 2_000, timeoutMs: 2_000 };
  const api = { get } as Partial<ApiClient> as ApiClient;
  const none = (): void => undefined;
  const { alert, failure } = await followAlert({
    ...{ api, ...times, containerId: container, corpus: '/srv/work', known: new Map(known), onChange: none },
  });
  return failure?.code ?? alert?.id;
}

describe('the alert of an attack', () => {
  it('is not that of its files being made, which may come after it has begun', async () => {
    const prepared = alertOf('a1', { createdAt: '2026-12-01T12:00:00.100Z' });
    expect(await followed([prepared, alertOf('a2', { state: 'remediated' })])).toBe('a2');
    expect(await followed([prepared])).toBe('not_detected');
  });

  it('is one from before that has grown since', async () => {
    const grown = alertOf('a1', { createdAt: '2026-12-01T11:00:00Z', version: 2, state: 'remediated' });
    expect(await followed([grown], [['a1', 1]])).toBe('a1');
    expect(await followed([grown], [['a1', 2]])).toBe('not_detected');
  });

  it('is of its container', async () => {
    expect(await followed([alertOf('a1', { containerId: '' })])).toBe('not_detected');
  });
});
