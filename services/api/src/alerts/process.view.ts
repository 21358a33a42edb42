// Stored rows of processes and their images as the nodes of the alert's tree.
import { create } from '@bufbuild/protobuf';
import { event, nobodyId, view } from '@norn/contracts';
import { capabilityTexts } from '@norn/rules';
import type { ActivityRow, EndRow, ProcessRow } from '../model/attack/attack.queries.ts';
import type { Lives } from '../model/attack/process-lives.ts';
import { type Attack, isBlamed } from '../model/attack/attack.ts';
import { timeOf } from '../model/words.ts';

const flagWords: readonly (readonly [event.ImageFlag, string])[] = [
  [event.ImageFlag.UPPER_LAYER, 'upper-layer'],
  [event.ImageFlag.MEMFD, 'memfd'],
  [event.ImageFlag.DELETED, 'deleted'],
  [event.ImageFlag.TMPFS, 'tmpfs'],
  [event.ImageFlag.WRITABLE, 'writable'],
  [event.ImageFlag.SETUID, 'setuid'],
  [event.ImageFlag.NEW, 'new'],
];
const noUid = '0'.repeat(32);
const SIGKILL = 9;

export interface Lineage {
  readonly rows: readonly ProcessRow[];
  readonly ancestors: readonly ProcessRow[];
  readonly activity: readonly ActivityRow[];
  readonly lives: Lives;
}

/** Nodes in order of their start, ancestors first. */
export function processViews(attack: Attack, { rows, ancestors, activity, lives }: Lineage): view.ProcessView[] {
  const activityOf = new Map(activity.map((row) => [row.uid, row]));
  const origin = Buffer.from(attack.alert.lineageUid).toString('hex');
  const inLineage = new Set(rows.map(({ uid }) => uid));
  const leading = ancestors.filter(({ uid }) => !inLineage.has(uid));
  const above = new Set(
    leading.filter((row) => row.lineageUid !== origin && !row.ancestors.includes(origin)).map(({ uid }) => uid),
  );
  const known = new Set([...rows, ...leading].map(({ uid }) => uid));
  const nodes = [...grouped(leading), ...grouped(rows)].map((images) => {
    const node = processNode(images, attack);
    applyActivity(node, activityOf.get(node.processUid));
    applyEnd(node, lives.ends.get(node.processUid));
    node.unknown = !node.ended && !node.killed && lives.isUnknown(node.processUid);
    node.ancestor = above.has(node.processUid);
    node.origin = node.processUid === origin;
    node.orphan = node.parentUid === '' || !known.has(node.parentUid);
    return node;
  });
  return nodes.sort((a, b) => Number(b.ancestor) - Number(a.ancestor) || a.startedAt.localeCompare(b.startedAt));
}

/**
 * Of more than `most`, those that tell of the attack: what is blamed, what leads to it, and of the rest the youngest. In the order given. A
 * session that has run for hours has thousands that have nothing to do with it.
 */
export function foremost(processes: readonly view.ProcessView[], most: number): readonly view.ProcessView[] {
  if (processes.length <= most) return processes;
  const byUid = new Map(processes.map((process) => [process.processUid, process]));
  const kept = new Set<string>();
  const keep = (first: view.ProcessView): void => {
    let at: view.ProcessView | undefined = first;
    while (at && !kept.has(at.processUid) && kept.size < most) {
      kept.add(at.processUid);
      at = byUid.get(at.parentUid);
    }
  };
  for (const process of processes) if (process.blamed || process.ancestor || process.origin) keep(process);
  for (const process of processes.toReversed()) keep(process);
  return processes.filter(({ processUid }) => kept.has(processUid));
}

/** Of the attack's processes, those that run now, and those of which it is not known. */
export function livesOf(processes: readonly view.ProcessView[]): {
  readonly running: number;
  readonly unknown: number;
} {
  const open = processes.filter(({ blamed, ended, killed }) => blamed && !ended && !killed);
  const unknown = open.filter((process) => process.unknown).length;
  return { running: open.length - unknown, unknown };
}

function grouped(rows: readonly ProcessRow[]): ProcessRow[][] {
  const byUid = new Map<string, ProcessRow[]>();
  for (const row of rows) {
    const images = byUid.get(row.uid);
    if (images === undefined) byUid.set(row.uid, [row]);
    else images.push(row);
  }
  return [...byUid.values()].map((images) => images.sort((a, b) => a.imageNumber - b.imageNumber));
}

function processNode(images: readonly ProcessRow[], attack: Attack): view.ProcessView {
  const row = images.at(-1);
  if (row === undefined) throw new RangeError('A process without a row');
  const findings = attack.alert.findings.filter(
    ({ processUid }) => Buffer.from(processUid).toString('hex') === row.uid,
  );
  const blamed = isBlamed(row, new Set(attack.scopes));
  return create(view.ProcessViewSchema, {
    processUid: row.uid,
    parentUid: row.parentUid === noUid ? '' : row.parentUid,
    pid: row.pid,
    namespacePid: row.namespacePid,
    parentPid: row.parentPid,
    containerId: row.containerId,
    containerName: row.containerName,
    containerImage: row.containerImage,
    userId: row.userId,
    userName: row.userName,
    groupId: row.groupId,
    startedAt: timeOf(Number(row.startUs)),
    images: ownImages(images).map(imageView),
    findingIds: findings.map(({ id }) => id),
    techniques: [...new Set(findings.flatMap(({ techniques }) => techniques))],
    blamed,
    // Another process of the session may have had the same pid before.
    killed: blamed && attack.killedPids.includes(row.pid),
  });
}

/** Image 0 is what a fork inherited: of no interest once the process has started an image of its own. */
function ownImages(images: readonly ProcessRow[]): readonly ProcessRow[] {
  const own = images.filter(({ imageNumber }) => imageNumber > 0);
  return own.length > 0 ? own : images;
}

function imageView(row: ProcessRow): view.ImageView {
  return create(view.ImageViewSchema, {
    number: row.imageNumber,
    path: row.imagePath,
    commandLine: row.commandLine,
    sha256: /^0*$/.test(row.sha256) ? '' : row.sha256,
    flags: flagWords.filter(([bit]) => (row.imageFlags & bit) !== 0).map(([, word]) => word),
    workingDirectory: row.workingDirectory,
    environment: row.environment === '' ? [] : row.environment.split('\n'),
    package: row.package,
    packageVersion: row.packageVersion,
    effectiveCapabilities: capabilityTexts(BigInt(row.capabilitiesEffective)),
    permittedCapabilities: capabilityTexts(BigInt(row.capabilitiesPermitted)),
    terminal: row.terminal,
    ...(row.loginUserId === nobodyId ? {} : { loginUserId: row.loginUserId }),
    loginUserName: row.loginUserName,
    ...(row.sessionId === nobodyId ? {} : { sessionId: row.sessionId }),
    startedAt: timeOf(Number(row.imageUs)),
  });
}

function applyActivity(node: view.ProcessView, row: ActivityRow | undefined): void {
  if (row === undefined) return;
  node.filesTouched = Number(row.files);
  node.connections = Number(row.connections);
}

/** The exit event's result is wait(2)'s status: the signal in the low 7 bits, the code above. Of an end that was found it is not known. */
function applyEnd(node: view.ProcessView, row: EndRow | undefined): void {
  if (row === undefined) return;
  node.ended = true;
  node.endedAt = timeOf(Number(row.endUs));
  node.endFound = row.found !== 0;
  if (node.endFound) return;
  node.exitSignal = row.exitResult & 0x7f;
  node.exitCode = (row.exitResult >> 8) & 0xff;
  node.killed = node.killed && (node.exitSignal === SIGKILL || node.exitSignal === 0);
}
