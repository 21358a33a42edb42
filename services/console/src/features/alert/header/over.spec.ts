// Is it over: never greener than the worst part of it.
import { create } from '@bufbuild/protobuf';
import { view } from '@norn/contracts';
import { over } from './over.ts';

type Part<Message> = Partial<Omit<Message, '$typeName'>>;

const tone = (alert: Part<view.AlertView>, detail: Part<view.AlertDetail> = {}): string => {
  const known = { processes: [create(view.ProcessViewSchema)] };
  return over(create(view.AlertViewSchema, alert), create(view.AlertDetailSchema, { ...known, ...detail })).tone;
};
const files = (counts: Part<view.FileCounts>): view.FileCounts => create(view.FileCountsSchema, counts);

it('is good only when all is known, nothing runs and nothing is left', () => {
  expect(tone({ state: 'remediated', files: files({ restored: 7 }) })).toBe('text-good');
});

it.each<[string, Part<view.AlertView>, Part<view.AlertDetail>]>([
  ['a process is not known to have ended', { unknownProcesses: 1 }, {}],
  ['its processes are not read yet', {}, { processes: [], telemetryPending: true }],
  ['its processes could not be read', {}, { processes: [], telemetryProblem: 'away' }],
  ['a file is lost', { files: files({ restored: 6, lost: 1 }) }, {}],
  ['a file waits for a person', { files: files({ conflict: 1 }) }, {}],
])('is not good when %s', (_, alert, detail) => {
  expect(tone({ state: 'remediated', ...alert }, detail)).toBe('text-medium');
});

it('is bad while something runs, whatever the state says', () => {
  expect(tone({ state: 'remediated', runningProcesses: 1 })).toBe('text-high');
  expect([tone({ state: 'open' }), tone({ state: 'failed' })]).toEqual(['text-high', 'text-high']);
});

it('is calm once a person has closed it', () => {
  expect([tone({ state: 'archived', runningProcesses: 1 }), tone({ state: 'released' })]).toEqual([
    'text-soft',
    'text-soft',
  ]);
});
