// The processes of an alert as the rows of a tree: ancestors folded above, quiet siblings folded, containers framed. Pure.
import type { Process } from '../../../shared/api/views.ts';

export interface Frame {
  readonly containerId: string;
  readonly name: string;
  readonly image: string;
  readonly depth: number;
}

interface RowBase {
  readonly key: string;
  readonly depth: number;
  /** For each depth above: whether its line goes on below. */
  readonly guides: readonly boolean[];
  readonly last: boolean;
  /** The container that the row lies in, with the depth where its frame begins. */
  readonly frame: Frame | undefined;
  readonly frameEnds: boolean;
}

export interface ProcessRow extends RowBase {
  readonly kind: 'process';
  readonly process: Process;
  readonly children: number;
  readonly open: boolean;
  readonly hit: boolean;
}

export interface FoldRow extends RowBase {
  readonly kind: 'ancestors' | 'quiet';
  /** What the fold is remembered by. */
  readonly fold: string;
  readonly processes: readonly Process[];
  readonly open: boolean;
}

export interface FrameRow extends RowBase {
  readonly kind: 'frame';
  readonly frame: Frame;
}

export type TreeRow = ProcessRow | FoldRow | FrameRow;

export interface TreeState {
  /** What a person opened or closed, by uid or fold; the rest follows the default. */
  readonly toggled: ReadonlyMap<string, boolean>;
  /** Lower case; empty: no search. */
  readonly search: string;
}

/** Larger trees start with the subtrees closed that hold no finding. */
const largeTree = 150;
const ancestorsFold = 'ancestors';

export class ProcessTree {
  private readonly byUid: ReadonlyMap<string, Process>;
  private readonly childrenOf = new Map<string, Process[]>();
  private readonly telling = new Set<string>();
  private readonly withFinding = new Set<string>();
  private readonly roots: Process[] = [];
  private readonly ancestors: Process[];
  private readonly large: boolean;

  constructor(readonly processes: readonly Process[]) {
    this.byUid = new Map(processes.map((process) => [process.processUid, process]));
    this.ancestors = processes.filter(({ ancestor }) => ancestor);
    this.large = processes.length > largeTree;
    for (const process of processes) this.place(process);
    for (const process of processes) this.mark(process);
  }

  process(uid: string): Process | undefined {
    return this.byUid.get(uid);
  }

  /** Nearest first. */
  above(uid: string): Process[] {
    const chain: Process[] = [];
    for (let one = this.parent(uid); one !== undefined && chain.length < 256; one = this.parent(one.processUid))
      chain.push(one);
    return chain;
  }

  rows(state: TreeState): TreeRow[] {
    const hits = this.hits(state.search);
    const walk = new Walk(this, state, hits);
    const openAncestors = hits !== undefined || (state.toggled.get(ancestorsFold) ?? false);
    if (this.ancestors.length > 0 && !openAncestors)
      walk.fold({ kind: 'ancestors', fold: ancestorsFold, processes: this.ancestors, open: false });
    const starts = openAncestors ? this.roots : this.roots.flatMap((root) => this.belowAncestors(root));
    if (this.ancestors.length > 0 && openAncestors && hits === undefined)
      walk.fold({ kind: 'ancestors', fold: ancestorsFold, processes: this.ancestors, open: true });
    walk.siblings(starts, [], undefined);
    return walk.finished();
  }

  children(process: Process): readonly Process[] {
    return this.childrenOf.get(process.processUid) ?? [];
  }

  tells(process: Process): boolean {
    return this.telling.has(process.processUid);
  }

  openByDefault(process: Process): boolean {
    if (!this.large) return true;
    return process.ancestor || process.origin || this.withFinding.has(process.processUid);
  }

  private parent(uid: string): Process | undefined {
    return this.byUid.get(this.byUid.get(uid)?.parentUid ?? '');
  }

  private place(process: Process): void {
    const siblings =
      this.byUid.has(process.parentUid) && process.parentUid !== process.processUid
        ? this.childrenOf.get(process.parentUid)
        : this.roots;
    if (siblings === undefined) this.childrenOf.set(process.parentUid, [process]);
    else siblings.push(process);
  }

  private mark(process: Process): void {
    const found = process.findingIds.length > 0;
    if (!found && !process.blamed && !process.origin) return;
    for (const one of [process, ...this.above(process.processUid)]) {
      this.telling.add(one.processUid);
      if (found) this.withFinding.add(one.processUid);
    }
  }

  private belowAncestors(process: Process): Process[] {
    return process.ancestor ? this.children(process).flatMap((child) => this.belowAncestors(child)) : [process];
  }

  /** What a search leaves: what it names, and what stands above that. */
  private hits(search: string): ReadonlyMap<string, boolean> | undefined {
    if (search === '') return undefined;
    const kept = new Map<string, boolean>();
    for (const process of this.processes.filter((one) => matches(one, search))) {
      for (const one of this.above(process.processUid)) if (!kept.has(one.processUid)) kept.set(one.processUid, false);
      kept.set(process.processUid, true);
    }
    return kept;
  }
}

export function matches(process: Process, search: string): boolean {
  const words = [String(process.pid), process.processUid, process.containerId, process.userName, ...process.techniques];
  const images = process.images.flatMap(({ path, commandLine, sha256 }) => [path, commandLine, sha256]);
  return [...words, ...images].some((word) => word.toLowerCase().includes(search));
}

/** One pass over the tree that writes the rows. */
class Walk {
  private readonly rows: TreeRow[] = [];

  constructor(
    private readonly tree: ProcessTree,
    private readonly state: TreeState,
    private readonly hits: ReadonlyMap<string, boolean> | undefined,
  ) {}

  fold(
    what: Pick<FoldRow, 'kind' | 'fold' | 'processes' | 'open'>,
    { guides, frame }: Pick<FoldRow, 'guides' | 'frame'> = { guides: [], frame: undefined },
  ): void {
    const key = `fold ${what.fold}`;
    this.rows.push({ ...what, key, depth: guides.length, guides, last: true, frame, frameEnds: false });
  }

  siblings(all: readonly Process[], guides: readonly boolean[], frame: Frame | undefined, parent = ''): void {
    const kept = this.hits === undefined ? all : all.filter(({ processUid }) => this.hits?.has(processUid));
    const telling = kept.filter((process) => this.tree.tells(process));
    const quiet = kept.filter((process) => !this.tree.tells(process));
    const folds = this.hits === undefined && telling.length > 0 && quiet.length > 0;
    const fold = `quiet ${parent}`;
    const openQuiet = folds && (this.state.toggled.get(fold) ?? false);
    const shown = folds && !openQuiet ? telling : kept;
    shown.forEach((process, index) => {
      this.one(process, { guides, frame, last: index === shown.length - 1 && !folds });
    });
    if (folds) this.fold({ kind: 'quiet', fold, processes: quiet, open: openQuiet }, { guides, frame });
  }

  finished(): TreeRow[] {
    return this.rows.map((row, index) => {
      const next = this.rows[index + 1];
      return { ...row, frameEnds: row.frame !== undefined && next?.frame !== row.frame };
    });
  }

  private one(
    process: Process,
    { guides, frame, last }: { guides: readonly boolean[]; frame: Frame | undefined; last: boolean },
  ): void {
    const depth = guides.length;
    const inside = this.enter(process, frame, depth);
    if (inside !== undefined && inside !== frame) {
      this.rows.push({
        kind: 'frame',
        key: `frame ${process.processUid}`,
        frame: inside,
        depth,
        guides,
        last: false,
        frameEnds: false,
      });
    }
    const children = this.tree.children(process);
    const open =
      children.length > 0 &&
      (this.hits !== undefined || (this.state.toggled.get(process.processUid) ?? this.tree.openByDefault(process)));
    this.rows.push({
      kind: 'process',
      key: process.processUid,
      process,
      children: children.length,
      open,
      hit: this.hits?.get(process.processUid) ?? false,
      depth,
      guides,
      last,
      frame: inside,
      frameEnds: false,
    });
    if (open) this.siblings(children, [...guides, !last], inside, process.processUid);
  }

  private enter(process: Process, frame: Frame | undefined, depth: number): Frame | undefined {
    if (process.containerId === '') return undefined;
    if (frame?.containerId === process.containerId) return frame;
    const { containerId, containerName: name, containerImage: image } = process;
    return { containerId, name, image, depth };
  }
}
