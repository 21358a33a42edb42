import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { foremost } from './process.view.ts';

const process = (processUid: string, parentUid: string, blamed = false): view.ProcessView =>
  create(view.ProcessViewSchema, { processUid, parentUid, blamed });

describe('foremost', () => {
  const session = process('session', '');
  const older = ['1', '2', '3'].map((uid) => process(uid, 'session'));
  const younger = ['4', '5', '6'].map((uid) => process(uid, 'session'));
  const attack = [process('shell', 'session'), process('attack', 'shell', true)];
  const uidsOf = (processes: readonly view.ProcessView[]): string[] => processes.map(({ processUid }) => processUid);

  it('shows what is blamed and what leads to it, whatever else there is', () => {
    const shown = foremost([session, ...older, ...attack, ...younger], 5);
    expect(uidsOf(shown)).toEqual(['session', 'shell', 'attack', '5', '6']);
  });

  it('leaves out nothing when there is room', () => {
    const all = [session, ...older, ...attack, ...younger];
    expect(foremost(all, all.length)).toBe(all);
  });
});
