import { create, toJson } from '@bufbuild/protobuf';
import { event, type view } from '@norn/contracts';
import { Host } from '@norn/store';
import { stateOf } from '../model/host/host-state.ts';
import { hostView } from './hosts.view.ts';

const now = new Date('2026-11-24T14:00:00Z');
const lastSeenAt = new Date(now.getTime() - 1000);
const context = { newestPolicy: undefined, openAlerts: 0, gaps: [], quarantined: [] };

describe('a host', () => {
  it('names what is not watched and why, and since when the figures of files are true', () => {
    const health = create(event.AgentHealthSchema, {
      vaultFilesPresent: 7n,
      vaultFilesCountedAtUs: BigInt(now.getTime() - 60_000) * 1000n,
      placesWatched: 3n,
      placesUnwatched: 40n,
      unwatchedPlaces: [{ path: '/mnt/nfs', reason: 'its file system is not of a kind that is protected' }],
    });
    const facts = toJson(event.HostFactsSchema, create(event.HostFactsSchema, { health }));
    const shown = (host: Partial<Host>): view.HostView =>
      hostView(
        stateOf(Object.assign(new Host(), { lastSeenAt, enrolledAt: now, ...host }), { now, lostLately: [] }),
        context,
      );
    expect(shown({ id: 'h', name: 'h', facts })).toMatchObject({
      vaultFilesPresent: 7,
      vaultFilesCountedAt: '2026-11-24T13:59:00.000000Z',
      placesWatched: 3,
      placesUnwatched: 40,
      unwatchedPlaces: [{ path: '/mnt/nfs', reason: 'its file system is not of a kind that is protected' }],
    });
    const silent = shown({ facts: null });
    expect([silent.vaultFilesCountedAt, silent.placesWatched]).toEqual(['', 0]);
  });
});
