// What an agent counts, in words: what it did, and everything that it lost or left.
import { create } from '@bufbuild/protobuf';
import { event, view } from '@norn/contracts';

type Health = event.AgentHealth;
type Unit = 'count' | 'bytes' | 'share';

interface Figure {
  readonly name: string;
  readonly of: (health: Health) => bigint | number;
  readonly meaning: string;
  readonly unit?: Unit;
  /** More than none is a loss. */
  readonly loss?: true;
}

const figure = (name: string, of: Figure['of'], meaning: string, unit: Unit = 'count'): Figure => ({
  name,
  of,
  meaning,
  unit,
});
const loss = (name: string, of: Figure['of'], meaning: string): Figure => ({ name, of, meaning, loss: true });

const events: readonly Figure[] = [
  figure('batches spooled', (health) => health.batchesSpooled, 'Wait on the host’s disk for the installation.'),
  figure(
    'sudden ends of Tyr',
    (health) => health.tyrUncleanStarts,
    'It was killed, or the host lost its power; it was started again.',
  ),
  loss(
    'events shed',
    (health) => health.eventsShed,
    'Left out on purpose under load, before a ring was full; among those lost.',
  ),
  loss('programs without a hash', (health) => health.hashesRefused, 'Too many were waiting for theirs.'),
  loss(
    'records not read',
    (health) => health.recordsMalformed,
    'The kernel’s records that the agent did not understand: a defect, report it.',
  ),
  loss('calls of 32-bit programs', (health) => health.compatCalls, 'They are not interpreted.'),
  loss(
    'calls not read',
    (health) => health.callsUnread,
    'Within a container: the caller’s memory was closed to the agent.',
  ),
  loss('containers without a name', (health) => health.containersRefused, 'More run here than the agent tells of.'),
  loss(
    'users without a name',
    (health) => health.userNamesRefused,
    'Containers have more users than the agent tells of.',
  ),
];

const vault: readonly Figure[] = [
  loss(
    'opens not waited for',
    (health) => health.permissionTimeouts,
    'Allowed before the pre-image was there: the disk was too slow.',
  ),
  loss('files not copied', (health) => health.copiesRefused, 'Too many were waiting for their copy.'),
  loss('changes not judged', (health) => health.changesDropped, 'Too many changed files were waiting.'),
  loss('directories not watched', (health) => health.directoriesRefused, 'There are more than the vault watches.'),
  loss('incidents let go', (health) => health.holdsDropped, 'Their pre-images gave way to those of newer ones.'),
  figure('self-tests repeated', (health) => health.selfTestRetries, 'The host was too busy for the first one.'),
  figure(
    'files in protected directories',
    (health) => health.vaultFilesPresent,
    'Found when they were last looked at.',
  ),
  loss(
    'files without a pre-image',
    (health) => health.vaultFilesUnkept,
    'They lie in protected directories, and nothing could be given back of them now: too large to be copied before they are opened, not copied yet, or not watched.',
  ),
  loss(
    'protected, but not watched',
    (health) => health.vaultUnwatched,
    'Directories, single files and containers’ file systems of which the kernel had no mark when they were last looked at.',
  ),
  figure(
    'watched again',
    (health) => health.vaultRewatched,
    'They had lost their mark. What was done to their files until then was seen by nobody.',
  ),
  figure(
    'places watched',
    (health) => health.placesWatched,
    'Directories that were asked for, what containers have mounted, and containers’ own file systems.',
  ),
  loss(
    'places not watched',
    (health) => health.placesUnwatched,
    'They were to have pre-images and have none: ./norn status names them with the reason.',
  ),
  figure('mounts watched', (health) => health.mountsWatched, 'Directories of this host that containers have mounted.'),
  loss(
    'mounts not watched',
    (health) => health.mountsRefused,
    'Directories that containers have mounted and that have no pre-images.',
  ),
  figure('mounts told of', (health) => health.mountsTold, 'By the kernel, in containers that run.'),
  loss(
    'mounts gone unread',
    (health) => health.mountsUnread,
    'They came and went in a container before anybody looked at them.',
  ),
];

const hooks: readonly Figure[] = [
  figure(
    'hooked now',
    (health) => health.processesHooked,
    'Processes that have the hook library, without their forks.',
  ),
  figure('injections', (health) => health.hooksInjected, 'Since the agent’s start.'),
  figure(
    'calls told',
    (health) => health.hookedCalls,
    'Calls that hooked processes told of before the kernel had them.',
  ),
  loss('calls lost', (health) => health.hookedCallsLost, 'They found no room in the process’s channel.'),
  loss('calls not told on', (health) => health.hookedCallsUntold, 'More than 2,000 came in a second.'),
  loss('names not read', (health) => health.hookedCallsUnread, 'A call’s path or address could not be read.'),
  loss(
    'programs not followed',
    (health) => health.hooksUnfollowed,
    'A hooked process started them, and they did not get the hooks.',
  ),
  figure('pre-images kept', (health) => health.hookPreimagesKept, 'Before a hooked process destroyed a file.'),
  loss('pre-images missed', (health) => health.hookPreimagesMissed, 'The vault could not keep the file in time.'),
  loss(
    'files not found',
    (health) => health.hookPreimagesUnknown,
    'Which file the call was about could not be found out.',
  ),
  loss('calls not answered', (health) => health.hookedCallsUnanswered, 'They went on when their time was over.'),
  loss(
    'calls not asked about',
    (health) => health.hookedCallsUnasked,
    'An answer had just come too late, or there was no room.',
  ),
];

const instructions: readonly Figure[] = [
  figure('samples', (health) => health.samples, 'Moments at which running code was looked at.'),
  loss('samples lost', (health) => health.samplesLost, 'They found no room.'),
  figure(
    'samples not looked at',
    (health) => health.samplesRefused,
    'All that may be spent on looking was spent. A process that computes for long has its turn.',
  ),
  loss('CPUs not seen', (health) => health.cpusNotSampled, 'They give no samples: what runs there is not looked at.'),
  figure('loops decoded', (health) => health.loopsDecoded, 'What was computed there.'),
  figure('maps read', (health) => health.memoryMapsRead, 'Where that code lies.'),
  figure(
    'share of a core',
    shareOfCore,
    'CPU time of looking at samples since the agent’s start, without the kernel’s part.',
    'share',
  ),
];

/** Groups in which nothing was ever counted are left out. */
export function hostFigures(health: Health): view.FigureGroupView[] {
  return [
    group('Events', health, events),
    group('Vault', health, vault),
    group('Hooks inside processes', health, [...hooks, ...refusals(health)]),
    group('Instructions executed', health, instructions),
  ].filter(({ figures }) => figures.some(({ value }) => value > 0));
}

function group(name: string, health: Health, figures: readonly Figure[]): view.FigureGroupView {
  return create(view.FigureGroupViewSchema, {
    name,
    figures: figures.map(({ of, unit = 'count', loss = false, ...words }) => ({
      ...words,
      unit,
      loss,
      value: Number(of(health)),
    })),
  });
}

/** A program that can not be hooked is a blind spot of the hooks; the kernel's events tell of it. */
function refusals({ hooksRefusedByCode, hooksFailedByCode }: Health): Figure[] {
  const sorted = (counts: Record<string, bigint>): [string, bigint][] =>
    Object.entries(counts).sort(([a], [b]) => a.localeCompare(b));
  return [
    ...sorted(hooksRefusedByCode).map(([code, count]) =>
      figure(`refused: ${code}`, () => count, 'Left without hooks.'),
    ),
    ...sorted(hooksFailedByCode).map(([code, count]) =>
      loss(`failed: ${code}`, () => count, 'An injection that was taken back.'),
    ),
  ];
}

function shareOfCore({ samplingUs, uptimeUs }: Health): number {
  return uptimeUs === 0n ? 0 : Number(samplingUs) / Number(uptimeUs);
}
