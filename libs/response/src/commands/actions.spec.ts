import { create, toBinary } from '@bufbuild/protobuf';
import { finding } from '@norn/contracts';
import { type ActionName, actionNames, alertActions, rivalsOf } from './actions.ts';
import type { AlertAction } from './alert-action.ts';
import { type AskedAbout, orderOf } from './order.ts';

const rows = actionNames.map((name): [ActionName, AlertAction] => [name, alertActions[name]]);
const scopeUid = Uint8Array.from({ length: 16 }, () => 7);
const body = toBinary(
  finding.AlertSchema,
  create(finding.AlertSchema, { scopeUid, findings: [{ id: 'f', scopeUid }] }),
);

function about(change: Partial<AskedAbout> = {}, containerId = ''): AskedAbout {
  return { alert: { id: 'a'.repeat(32), containerId, body }, commands: [], responses: new Map(), ...change };
}

const done = (action: string) => ({
  ...{ id: action, action, state: 'succeeded', undoes: '', filesChanged: 7, scopeUids: ['5'.repeat(32)] },
  finishedAt: new Date(0),
});

describe('the table of actions', () => {
  it.each(rows.filter(([, { role }]) => role !== undefined))(
    'has all words of %s, which a person may ask for',
    (_, row) => {
      expect([row.button, row.words.route, row.cli?.description]).not.toContain(undefined);
    },
  );

  it('has a command of the CLI for each option', () => {
    const commands = rows.flatMap(([, { cli }]) => (cli && cli.option === undefined ? [cli.command] : []));
    expect(rows.filter(([, { cli }]) => cli?.option !== undefined && !commands.includes(cli.command))).toEqual([]);
    expect(new Set(commands).size).toBe(commands.length);
  });

  it('lets one put files back at a time, and one speak of the network', () => {
    expect(rivalsOf('undo')).toEqual(rivalsOf('restore'));
    expect(rivalsOf('isolate')).toEqual(['isolate', 'rejoin', 'isolate-host', 'rejoin-host']);
    expect(rivalsOf('kill')).toEqual(['kill']);
  });
});

describe('an action that a person asks for', () => {
  it('is refused while a rival is on its way', () => {
    const commands = [{ ...done('restore-blamed'), state: 'running', finishedAt: null }];
    expect(() => orderOf({ action: 'restore' }, about({ commands }))).toThrow(
      /^A restore-blamed of this alert is on its way/,
    );
    expect(() => orderOf({ action: 'kill' }, about({ commands }))).not.toThrow();
  });

  it.each(rows.filter(([, { needsContainer }]) => needsContainer === true))(
    'is refused without a container: %s',
    (action) => {
      expect(() => orderOf({ action }, about())).toThrow(/is not in a container: `.\/norn restore aaaaaaaaaaaa`/);
      expect(orderOf({ action }, about({}, 'c'.repeat(64))).findingIds).toEqual(['f']);
    },
  );

  it('undoes the newest restore that stands, and names no process', () => {
    expect(() => orderOf({ action: 'undo' }, about())).toThrow(/No restore of alert a+ stands/);
    expect(orderOf({ action: 'undo' }, about({ commands: [done('restore')] }))).toMatchObject({
      scopeUids: [],
      undoes: 'restore',
      act: { case: 'restore', value: { undoCommandId: 'restore' } },
    });
  });

  it('decides about conflicts of those whom earlier restores were about, too', () => {
    const order = orderOf({ action: 'restore-conflicts', paths: ['/a'] }, about({ commands: [done('restore')] }));
    expect(order.scopeUids).toEqual(['07'.repeat(16), '5'.repeat(32)]);
    expect(order.act).toEqual({ case: 'restore', value: { overConflicts: true, paths: ['/a'] } });
  });

  it('kills what runs after what is blamed, 1,000 processes at most', () => {
    const running = Array.from({ length: 2_000 }, (_, at) => at.toString(16).padStart(32, '0'));
    const { scopeUids } = orderOf({ action: 'kill', running }, about());
    expect([scopeUids.length, scopeUids[0], scopeUids[1]]).toEqual([1_000, '07'.repeat(16), running[0]]);
  });
});
