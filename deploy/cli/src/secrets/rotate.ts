// `norn secrets rotate`: one step after the other, each written down before the next, so that one that was interrupted is gone on with.
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { HostKeysRow } from '@norn/store';
import type { Control } from './control.ts';
import { forgetPreviousCertificate, ingestCertificateBack, renewIngestCertificate } from './ingest-certificate.ts';
import type { RotatedKey, Rotation } from './rotation.ts';

export interface RotateFlags {
  readonly back?: boolean;
  readonly finish?: boolean;
  readonly force?: boolean;
  readonly forget?: boolean;
  /** Seconds. */
  readonly wait: number;
}

export interface Running {
  readonly control: Control;
  readonly tell: (sentence: string) => void;
  /** What was on its way when a key was turned has arrived after it. */
  readonly settleMs: number;
  /** One step a call, for files that somebody has to bring to the stages: how. Absent: the stages read the files that are changed here. */
  readonly bringing?: string;
  /** What the command was told where the files are, to be said again in each sentence that names it: " --folder D", or nothing. */
  readonly where?: string;
}

const pollMs = 500;
const namesMax = 20;

/** Throws `hosts_behind`, `hosts_rely`, `key_unsettled`, `nothing_to_finish`, `no_way_back`, `rotation_unfinished`. */
export async function rotate(rotation: Rotation, flags: RotateFlags, running: Running): Promise<void> {
  if (flags.finish) await finish(rotation, flags, running);
  else if (flags.back) await back(rotation, running);
  else await forward(rotation, flags, running);
}

async function forward(rotation: Rotation, flags: RotateFlags, running: Running): Promise<void> {
  const { control, tell } = running;
  const { key } = rotation;
  const next = commandOf(rotation, running);
  const cure = `end it with ${next} --finish, or go back with --back`;
  if (rotation.phase() === 'turned')
    throw new NornError(
      'rotation_unfinished',
      `The new ${key} key is in use already, and the old one counts still: ${cure}`,
    );
  if (rotation.phase() === 'finishing')
    throw new NornError('rotation_unfinished', `A rotation was interrupted at its end: ${next} --finish`);
  const wasAnnounced = rotation.phase() === 'announced';
  if (!wasAnnounced) {
    await rotation.announce();
    await control.note('key.announced', key, { inUse: rotation.inUse(), next: rotation.beside() });
    tell(`The next ${key} key is ${shortOf(rotation.beside())}: hosts are told of it`);
  }
  if (running.bringing !== undefined && !wasAnnounced) {
    tell(`${running.bringing} Then run this again: it is in use once the hosts have it`);
    return;
  }
  await untilFollowed(rotation, flags, running);
  await rotation.turn();
  await control.note('key.turned', key, { inUse: rotation.inUse(), before: rotation.beside() });
  tell(
    `${shortOf(rotation.inUse())} is in use now. ${shortOf(rotation.beside())} counts still: ` +
      `--back takes it up again, --finish lets it go (${next} --finish)`,
  );
  if (running.bringing !== undefined) tell(`${running.bringing} They go by it then`);
}

/** Only hosts that are there: who is away is told before anything else when it comes back. */
async function untilFollowed(rotation: Rotation, flags: RotateFlags, running: Running): Promise<void> {
  const { control, tell } = running;
  const behind = await stillBehind(rotation, flags, control);
  if (behind.length === 0) {
    tell('Each host that is connected has it');
    return;
  }
  if (flags.force) return;
  throw new NornError(
    'hosts_behind',
    `After ${flags.wait} s these hosts have not taken it: ${namesOf(behind)}. Bring their agents up to date and run this again, ` +
      `or go on without them (--force), or give it up (${commandOf(rotation, running)} --finish)`,
  );
}

/** Connected hosts that do not follow when the time is over; none as soon as all do. */
async function stillBehind(rotation: Rotation, { wait }: RotateFlags, control: Control): Promise<HostKeysRow[]> {
  const deadline = performance.now() + wait * 1_000;
  for (;;) {
    const behind = (await control.hosts()).filter((host) => host.isConnected && !rotation.follows(host));
    if (behind.length === 0 || performance.now() > deadline) return behind;
    await sleep(pollMs);
  }
}

async function back(rotation: Rotation, running: Running): Promise<void> {
  const { control, tell } = running;
  const { key } = rotation;
  const phase = rotation.phase();
  if (phase !== 'turned') {
    const cure =
      phase === 'announced' ? `the old one is in use; --finish lets the new one go` : `there is no other one`;
    throw new NornError('no_way_back', `The ${key} key can not go back: ${cure}`);
  }
  await rotation.back();
  await control.note('key.turned_back', key, { inUse: rotation.inUse(), before: rotation.beside() });
  tell(
    `${shortOf(rotation.inUse())} is in use again. ${commandOf(rotation, running)} takes up ${shortOf(rotation.beside())} again, ` +
      '--finish lets it go',
  );
  if (running.bringing !== undefined) tell(`${running.bringing} They go by it then`);
}

async function finish(rotation: Rotation, flags: RotateFlags, running: Running): Promise<void> {
  const { key } = rotation;
  const { control, tell } = running;
  if (rotation.phase() === 'steady' || rotation.phase() === 'announcing')
    throw new NornError(
      'nothing_to_finish',
      `No rotation of the ${key} key is under way: ./norn secrets shows which keys there are`,
    );
  const gone = rotation.beside();
  const lost = (await control.hosts()).flatMap((host) => {
    const why = rotation.lossOf(host, new Date());
    return why === '' ? [] : [{ ...host, why }];
  });
  if (lost.length > 0 && !flags.force) {
    const named = lost.slice(0, namesMax).map(({ name, why }) => `${name} (${why})`);
    throw new NornError(
      'hosts_rely',
      `${count(lost.length)} would be lost: ${named.join(', ')}${more(lost.length)}. Wait for them, or remove those that are gone ` +
        '(./norn hosts remove), or let them go (--force): then they have to join again',
    );
  }
  await settled(rotation, running);
  await rotation.finish(flags.forget === true);
  const details = { inUse: rotation.inUse(), gone, forced: lost.map(({ id }) => id), forgotten: flags.forget === true };
  await control.note('key.finished', key, details);
  tell(`${shortOf(rotation.inUse())} is the only ${key} key now`);
  if (running.bringing !== undefined) {
    // What the hosts were said to have is of before.
    tell(`${running.bringing} ${gone === '' ? 'The other one' : shortOf(gone)} counts until then`);
    return;
  }
  const behind = await stillBehind(rotation, flags, control);
  if (behind.length === 0)
    tell(gone === '' ? 'Each connected host has it' : `${shortOf(gone)} counts on no connected host any more`);
  else tell(`These hosts have not let the other one go yet: ${namesOf(behind)}`);
}

/** Throws `key_unsettled` where the files have to be brought to the stages first, which may take a while. */
async function settled(rotation: Rotation, { tell, settleMs, bringing }: Running): Promise<void> {
  const leftMs = rotation.inUseSinceMs() + settleMs - Date.now();
  if (rotation.phase() === 'finishing' || leftMs <= 0) return;
  const seconds = Math.ceil(leftMs / 1_000);
  if (bringing !== undefined)
    throw new NornError(
      'key_unsettled',
      `A stage may still be at the key of before: ${bringing} Run this again in ${seconds} s`,
    );
  tell(`What is on its way may be by the other one: waiting ${seconds} s`);
  await sleep(leftMs);
}

function commandOf({ key }: { readonly key: RotatedKey | 'ingest' }, { where = '' }: Running): string {
  return `./norn secrets rotate ${key}${where}`;
}

/**
 * One step: nothing is told to hosts, whoever is connected stays, and the next connection is shown the new one. Throws `rotation_unfinished`,
 * `no_way_back`, `nothing_to_finish`.
 */
export async function rotateIngest(folder: string, flags: RotateFlags, running: Running): Promise<void> {
  const { control, tell } = running;
  const next = commandOf({ key: 'ingest' }, running);
  if (flags.finish) {
    forgetPreviousCertificate(folder, next);
    await control.note('key.finished', 'ingest', {});
    tell("Ingest's certificate before this one is gone");
    return;
  }
  if (flags.back) await ingestCertificateBack(folder, next);
  else await renewIngestCertificate(folder, next);
  await control.note(flags.back ? 'key.turned_back' : 'key.turned', 'ingest', {});
  const done = flags.back ? 'its certificate of before again' : 'another certificate from the next connection on';
  const other = flags.back ? 'the other one again' : 'the one before';
  tell(`Ingest shows ${done}; nobody was cut off. --back takes up ${other}, --finish lets it go (${next} --finish)`);
  if (running.bringing !== undefined) tell(`${running.bringing} It is shown then`);
}

function namesOf(hosts: readonly HostKeysRow[]): string {
  return (
    hosts
      .slice(0, namesMax)
      .map(({ name }) => name)
      .join(', ') + more(hosts.length)
  );
}

function more(hosts: number): string {
  return hosts > namesMax ? ` and ${hosts - namesMax} more` : '';
}

function count(hosts: number): string {
  return hosts === 1 ? '1 host' : `${hosts} hosts`;
}

export function shortOf(keyId: string): string {
  return keyId.slice(0, 16);
}
