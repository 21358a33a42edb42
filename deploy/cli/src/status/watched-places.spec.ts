import { placesOf, placesText } from './watched-places.ts';

const now = new Date('2027-01-01T00:10:00Z');
const host = {
  name: 'web-1',
  kind: 'machine',
  state: 'protected',
  reason: '',
  lastSeenAt: '2027-01-01T00:09:57Z',
  vaultFilesPresent: 412,
  vaultFilesUnkept: 3,
  vaultFilesCountedAt: '2027-01-01T00:06:00Z',
  placesWatched: 12,
  placesUnwatched: 0,
  unwatchedPlaces: [],
};
const unwatched = (count: number): { path: string; reason: string }[] =>
  Array.from({ length: count }, (_, number) => ({ path: `/srv/${String(number)}`, reason: 'it is a tmpfs' }));

describe('what the status says of a host', () => {
  it('is how many places are watched, and as of when the files were counted', () => {
    expect(placesText(host, now).split('\n')).toEqual([
      '  web-1  protected, seen 3 s ago',
      '    places: 12 watched, 0 not',
      '    files: 412 in watched places, 3 of them without a pre-image, as counted 4 min ago',
    ]);
  });

  it('names each place that is not watched with the reason, at most five of them', () => {
    const five = placesText({ ...host, placesUnwatched: 5, unwatchedPlaces: unwatched(5) }, now);
    expect(five).toContain('12 watched, 5 not\n      ✗ /srv/0: it is a tmpfs\n');
    expect(five).toContain('✗ /srv/4: it is a tmpfs');
    expect(five).not.toContain('more');
    const many = placesText({ ...host, placesUnwatched: 40, unwatchedPlaces: unwatched(16) }, now);
    expect(many).not.toContain('/srv/5');
    expect(many).toContain('      and 35 more: ');
  });

  it('never reads as if nothing were unwatched when the agent did not say', () => {
    const silent = { ...host, placesWatched: 0, vaultFilesCountedAt: '', vaultFilesPresent: 0, vaultFilesUnkept: 0 };
    expect(placesText(silent, now)).toContain('has not said yet');
    expect(placesText(silent, now)).not.toMatch(/\d not/);
    expect(placesOf(silent)).toMatchObject({ placesWatched: null, placesUnwatched: null });
    expect(placesText({ ...silent, placesWatched: 2 }, now)).toContain('files: not counted yet');
  });

  it('has the reason of a host that is not protected, and of one inside a container no places', () => {
    const degraded = placesText({ ...host, state: 'degraded', reason: 'Can not do file.change.' }, now);
    expect(degraded).toContain('degraded, seen 3 s ago\n    Can not do file.change.\n    places: 12');
    expect(placesText({ ...host, kind: 'container' }, now)).not.toContain('places');
    expect(placesOf({ ...host, kind: 'container' })).toMatchObject({ placesWatched: null });
  });

  it('lets no name steer the terminal', () => {
    const places = [{ path: '/srv/\u001b[2K\na\u202e', reason: 'it is a tmpfs' }];
    const text = placesText({ ...host, placesUnwatched: 1, unwatchedPlaces: places }, now);
    expect(text).toContain('✗ /srv/�[2K�a�: it');
  });

  it('has the same in JSON, all that the host names', () => {
    expect(placesOf({ ...host, placesUnwatched: 40, unwatchedPlaces: unwatched(16) })).toEqual({
      placesWatched: 12,
      placesUnwatched: 40,
      unwatchedPlaces: unwatched(16),
      files: { present: 412, unkept: 3, countedAt: '2027-01-01T00:06:00Z' },
    });
  });
});
