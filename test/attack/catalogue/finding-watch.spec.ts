import type { ShownFindingList, ShownPlacedFinding } from '@norn/contracts';
import { FindingWatch, type Wanted } from './finding-watch.ts';

const wanted: Wanted = { ruleId: 'r1', pid: 40, containerId: '', sinceMs: Date.now(), inAlert: true };
const finding = { ruleId: 'r1', title: 'Job written', severity: 'medium' } as ShownPlacedFinding['finding'];
const placed: ShownPlacedFinding = {
  finding,
  hostId: 'h',
  containerId: '',
  alertId: 'a',
  pid: 42,
  ancestorPids: [41, 40],
};

/** An API that answers one page after the other, and the last one for ever. */
function fakeApi(...pages: ShownPlacedFinding[][]) {
  const asked: string[] = [];
  const get = <Answer>(path: string): Promise<Answer> => {
    asked.push(path);
    const findings = (pages.length > 1 ? pages.shift() : pages[0]) ?? [];
    const page: ShownFindingList = { findings, truncated: false };
    return Promise.resolve(page as Answer);
  };
  return { get, asked };
}

describe('the watch for findings', () => {
  it('finds what a process gave itself, and what came from below it', async () => {
    const own = { ...placed, pid: 40, ancestorPids: [1] };
    expect((await new FindingWatch(fakeApi([own])).sighting(wanted, 1000)).found).toEqual(own);
    expect((await new FindingWatch(fakeApi([], [placed])).sighting(wanted, 1000)).found).toEqual(placed);
  });

  it.each([
    ['of another process', { pid: 43, ancestorPids: [41] }, []],
    ['of another rule', { finding: { ...finding, ruleId: 'r2', title: 'Hidden program' } }, ['Hidden program']],
    ['of a container', { containerId: 'c'.repeat(64) }, ['found in cccccccccccc']],
    ['of no alert', { alertId: '' }, ['found, but in no alert']],
  ])('takes no finding %s, and says what there was', async (_, change, others) => {
    const sighting = await new FindingWatch(fakeApi([{ ...placed, ...change }])).sighting(wanted, 120);
    expect(sighting).toMatchObject({ others });
    expect(sighting.found).toBeUndefined();
  });

  it('needs no alert for what opens none', async () => {
    const watch = new FindingWatch(fakeApi([{ ...placed, alertId: '' }]));
    expect((await watch.sighting({ ...wanted, inAlert: false }, 1000)).found).toBeDefined();
  });

  it('asks once for all who wait, from before the first of them began', async () => {
    const api = fakeApi([], [placed, { ...placed, pid: 50, ancestorPids: [] }]);
    const watch = new FindingWatch(api);
    const both = await Promise.all([
      watch.sighting(wanted, 1000),
      watch.sighting({ ...wanted, pid: 50, sinceMs: wanted.sinceMs + 5000 }, 1000),
    ]);
    expect(both.map(({ found }) => found?.pid)).toEqual([42, 50]);
    expect(api.asked).toHaveLength(2);
    expect(new Set(api.asked)).toEqual(
      new Set([`/findings?since=${new Date(wanted.sinceMs - 1000).toISOString()}&limit=200`]),
    );
  });

  it('asks rule by rule when there is more than a page', async () => {
    const asked: string[] = [];
    const get = <Answer>(path: string): Promise<Answer> => {
      asked.push(path);
      const page: ShownFindingList = path.endsWith('&rule=r1')
        ? { findings: [placed], truncated: false }
        : { findings: [], truncated: true };
      return Promise.resolve(page as Answer);
    };
    expect((await new FindingWatch({ get }).sighting(wanted, 1000)).found).toEqual(placed);
    expect(asked).toHaveLength(2);
  });

  it('tells who waits when the API refuses', async () => {
    const watch = new FindingWatch({ get: () => Promise.reject(new Error('no such route')) });
    await expect(watch.sighting(wanted, 1000)).rejects.toThrow('no such route');
  });
});
