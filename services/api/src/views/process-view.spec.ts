import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { foremost } from './process-view.ts';

const process = (processUid: string, parentUid: string, blamed = false): view.ProcessView =>
  create(view.ProcessViewSchema, { processUid, parentUid, blamed });

describe('foremost', () => {
  const session = process('session', '');
  const older = ['1', '2', '3', '4', '5'].map((uid) => process(uid, 'session'));
  const attack = [process('shell', 'session'), process('attack', 'shell', true)];
  const uidsOf = (processes: readonly view.ProcessView[]): string[] => processes.map(({ processUid }) => processUid);

  it('shows what is blamed and what leads to it, however much came before', () => {
    const shown = foremost([session, ...older, ...attack], 4);
    expect(uidsOf(shown)).toEqual(['session', '5', 'shell', 'attack']);
  });

  it('leaves out nothing when there is room', () => {
    const all = [session, ...older, ...attack];
    expect(foremost(all, all.length)).toBe(all);
  });
});
