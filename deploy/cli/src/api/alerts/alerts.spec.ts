import type { ShownAlert } from '@norn/contracts';
import type { ApiClient } from '../client/client.ts';
import { resolveId } from './alerts.ts';

const id = 'c7dff6e9fc8f00000000000000000001';
const twin = 'c7dff6e9fc8f00000000000000000002';

/** Answers as the API does that has these alerts, of which one list has at most 200. */
function apiWith(ids: readonly string[]): Pick<ApiClient, 'get'> {
  return {
    get: <Answer>(path: string) => {
      const query = new URL(path, 'http://api').searchParams;
      const found = ids.filter((each) => each.startsWith(query.get('id') ?? ''));
      const alerts = found.slice(0, Number(query.get('limit'))).map((each) => ({ id: each }) as ShownAlert);
      return Promise.resolve({ alerts } as Answer);
    },
  };
}

const newer = Array.from({ length: 300 }, (_, at) => at.toString(16).padStart(32, '0'));

describe('an alert named by its first characters', () => {
  it('is found however many are newer', async () => {
    expect(await resolveId(apiWith([...newer, id]), id.slice(0, 12))).toBe(id);
    expect(await resolveId(apiWith([...newer, id]), id.slice(0, 8))).toBe(id);
  });

  it.each([
    ['', /missing/],
    ['c7dff6e', /first 8/],
    ['nonsense&limit=1', /lower-case hex/],
    ['c7dff6e9fc8f', /^More than one/],
    ['abcdefab', /^No alert starts/],
  ])('says what is wrong with "%s"', async (text, sentence) => {
    await expect(resolveId(apiWith([...newer, id, twin]), text)).rejects.toThrow(sentence);
  });
});
