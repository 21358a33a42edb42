// How much room a part's file system has, and how much the part needs: stopped in order before the last of it is used, started when there is more.
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { NornError } from '@norn/base';
import { loadConfig, settings } from '@norn/config';
import { z } from 'zod';
import type { Part } from './part.ts';

const schema = z.object({ roomBytesMin: settings.roomBytesMin });

/** Of a file system. */
export interface Room {
  readonly bytesLeft: number;
  readonly bytesTotal: number;
  readonly filesLeft: number;
  /** 0: it has no limit. */
  readonly filesTotal: number;
}

export type ReadRoom = (folder: string) => Promise<Room>;

/** Of what is left. */
export interface RoomNeeds {
  /** With less it is stopped. */
  readonly stopBytes: number;
  /** With this it starts: more, or it would be stopped again at once. */
  readonly startBytes: number;
  readonly stopFiles: number;
  readonly startFiles: number;
}

/** Of a small file system as much is needed as this share of it. */
const needsShareMax = 1 / 16;
const startTimes = 1.5;
/** A file a segment and its indexes, for a while. */
const filesMin = 512;
/** Much less than it takes to write what a small disk has in reserve, and for nothing: a look is one call of the kernel. */
const lookEveryMs = 250;
const megabyte = 1_000_000;

export function roomNeeds({ bytesTotal, filesTotal }: Room, bytesMin: number): RoomNeeds {
  const stopBytes = Math.floor(Math.min(bytesMin, bytesTotal * needsShareMax));
  const stopFiles = Math.floor(Math.min(filesMin, filesTotal * needsShareMax));
  return { stopBytes, startBytes: stopBytes * startTimes, stopFiles, startFiles: stopFiles * startTimes };
}

/** Of the file system that the folder is on, or will be. */
export async function readRoom(folder: string): Promise<Room> {
  if (!existsSync(folder)) return readRoom(dirname(folder));
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(folder);
  // A share is kept for root (mke2fs -m).
  const left = process.getuid?.() === 0 ? bfree : bavail;
  return { bytesLeft: bsize * left, bytesTotal: bsize * blocks, filesLeft: ffree, filesTotal: files };
}

/** A part, and what grows with it. */
export interface RoomPlan {
  readonly name: string;
  readonly folder: string;
  /** For tests. */
  readonly read?: ReadRoom | undefined;
}

/** Starts a part where there is room, and stops it when there is none: then `exited` tells that. Throws `disk_full`, before anything is written. */
export async function startWithRoom<Running extends Part>(
  plan: RoomPlan,
  start: () => Promise<Running>,
): Promise<Running> {
  const { roomBytesMin } = loadConfig(schema);
  const { name, folder, read = readRoom } = plan;
  const lack = (isRunning: boolean): Promise<string> =>
    read(folder).then((room) => lackOf(room, roomNeeds(room, roomBytesMin), isRunning));
  const lacking = await lack(false);
  if (lacking === '') return stopWithoutRoom(await start(), () => lack(true));
  throw new NornError('disk_full', `The file system of ${folder} has ${lacking} to start ${name}: free some`);
}

function stopWithoutRoom<Running extends Part>(part: Running, lack: () => Promise<string>): Running {
  let why = '';
  const look = async (): Promise<void> => {
    const lacking = await lack();
    if (lacking === '' || why !== '') return;
    why = `disk_full (stopped, with ${lacking} to run)`;
    await part.stop();
  };
  const timer = setInterval(() => {
    // A folder that is gone takes its part along.
    look().catch(() => undefined);
  }, lookEveryMs).unref();
  const exited = part.exited.then((ending) => {
    clearInterval(timer);
    return why === '' ? ending : why;
  });
  return { ...part, exited };
}

/** Empty: there is enough. */
function lackOf({ bytesLeft, filesLeft }: Room, needs: RoomNeeds, isRunning: boolean): string {
  const [bytes, files] = isRunning ? [needs.stopBytes, needs.stopFiles] : [needs.startBytes, needs.startFiles];
  if (bytesLeft < bytes) return `${megabytes(bytesLeft)} left of the ${megabytes(bytes)} that it takes`;
  return filesLeft < files ? `${filesLeft} inodes left of the ${Math.ceil(files)} that it takes` : '';
}

function megabytes(bytes: number): string {
  return `${(bytes / megabyte).toFixed(bytes < 10 * megabyte ? 1 : 0)} MB`;
}
