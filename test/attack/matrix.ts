// Every mode in every place, one after another, each with a stage of its own; then a table.
import { messageOf, NornError } from '@norn/base';
import { type ApiClient, columns, connectApi, write, writeJson } from '@norn/cli';
import type { Mode } from './modes.ts';
import type { Place } from './place.ts';
import { runAttack, type Course } from './play.ts';
import type { Stage } from './stage.ts';

/** Long enough for five files at one a second. */
const detectWithinMs = 20_000;
/** Differences of one row named below the table. */
const problemsShown = 5;

export interface MatrixOptions {
  readonly modes: readonly Mode[];
  readonly places: readonly Place[];
  readonly pauseMs?: number;
  readonly json?: boolean;
  readonly openStage: (place: Place) => Promise<Stage>;
}

/** One row of the table. */
export interface Cell {
  readonly mode: Mode;
  readonly place: Place;
  /** `refused`: the kernel does not let the mode work there, so there was no attack. */
  readonly state: 'remediated' | 'not_detected' | 'not_remediated' | 'refused' | 'failed';
  readonly alertId: string;
  readonly detectedAfterMs: number;
  readonly stoppedAfterMs: number;
  readonly filesChanged: number;
  readonly restored: number;
  readonly removed: number;
  readonly lost: number;
  readonly conflict: number;
  /** Compared with the manifest taken before the attack. */
  readonly identical: boolean;
  readonly differing: number;
  /** What differs, or what went wrong; the first fifty. */
  readonly problems: readonly string[];
}

export interface MatrixReport {
  readonly cells: readonly Cell[];
  readonly identical: number;
  readonly refused: number;
  /** Every attack that was possible left every file identical. */
  readonly passed: boolean;
}

export async function playMatrix(options: MatrixOptions): Promise<MatrixReport> {
  const api = await connectApi();
  const pairs = options.places.flatMap((place) => options.modes.map((mode) => ({ mode, place })));
  const cells: Cell[] = [];
  for (const [at, { mode, place }] of pairs.entries()) {
    const cell = await playCell(api, { mode, place, options });
    cells.push(cell);
    if (!options.json) write(`[${String(at + 1).padStart(3)}/${String(pairs.length)}] ${cellSentence(cell)}`);
  }
  const report = reportOf(cells);
  if (options.json) writeJson(report);
  else write(matrixText(report));
  return report;
}

interface CellOptions {
  readonly mode: Mode;
  readonly place: Place;
  readonly options: MatrixOptions;
}

/** Whatever goes wrong in one cell is its row: the others are played all the same. */
async function playCell(api: ApiClient, { mode, place, options }: CellOptions): Promise<Cell> {
  try {
    const stage = await options.openStage(place);
    try {
      const pace = { mode, ...(options.pauseMs === undefined ? {} : { pauseMs: options.pauseMs }) };
      const attack = { scenario: 'ransomware', pace, stage, detectWithinMs } as const;
      return cellOf(mode, place, await runAttack(api, attack, () => undefined));
    } finally {
      await stage.close();
    }
  } catch (error) {
    const refused = error instanceof NornError && error.code === 'refused';
    return { ...emptyCell(mode, place), state: refused ? 'refused' : 'failed', problems: [messageOf(error)] };
  }
}

function emptyCell(mode: Mode, place: Place): Omit<Cell, 'state' | 'problems'> {
  const counts = { restored: 0, removed: 0, lost: 0, conflict: 0, differing: 0 };
  const times = { detectedAfterMs: 0, stoppedAfterMs: 0, filesChanged: 0 };
  return { mode, place, alertId: '', ...times, ...counts, identical: false };
}

export function cellOf(mode: Mode, place: Place, { alert, failure, verdict, detectedAfterMs }: Course): Cell {
  const { restored, removed, lost, conflict } = alert?.files ?? emptyCell(mode, place);
  return {
    mode,
    place,
    state: alert?.state === 'remediated' ? 'remediated' : alert ? 'not_remediated' : 'not_detected',
    alertId: alert?.id ?? '',
    detectedAfterMs,
    stoppedAfterMs: alert?.stoppedAfterMs ?? 0,
    filesChanged: alert?.filesChanged ?? 0,
    restored,
    removed,
    lost,
    conflict,
    identical: verdict.identical,
    differing: verdict.differing,
    problems: [...(failure ? [failure.message] : []), ...verdict.differences],
  };
}

export function reportOf(cells: readonly Cell[]): MatrixReport {
  const refused = cells.filter(({ state }) => state === 'refused').length;
  const identical = cells.filter((cell) => cell.identical).length;
  return { cells, identical, refused, passed: identical + refused === cells.length };
}

function cellSentence(cell: Cell): string {
  return `${cell.mode} · ${cell.place}: ${stopOf(cell)}, ${endOf(cell)}`;
}

function stopOf({ state, filesChanged, stoppedAfterMs }: Cell): string {
  if (state === 'refused') return 'refused by the kernel';
  if (state === 'not_detected') return 'not detected';
  if (state === 'failed') return 'failed';
  return `${String(filesChanged)} files / ${String(stoppedAfterMs)} ms`;
}

function endOf({ state, identical, differing, problems }: Cell): string {
  if (state === 'refused') return '–';
  if (state === 'failed') return problems[0] ?? 'failed';
  return identical ? 'identical' : `${String(differing)} differ`;
}

export function matrixText(report: MatrixReport): string {
  const header = ['MODE', 'PLACE', 'STOPPED AFTER', 'RESTORED', 'REMOVED', 'LOST', 'CONFLICT', 'IDENTICAL'];
  const rows = report.cells.map((cell) => [
    cell.mode,
    cell.place,
    stopOf(cell),
    ...[cell.restored, cell.removed, cell.lost, cell.conflict].map(String),
    endOf(cell),
  ]);
  const played = report.cells.length - report.refused;
  const sum = `${report.passed ? '✔' : '✘'} ${String(report.identical)} of ${String(played)} identical`;
  const refused = report.refused > 0 ? `, ${String(report.refused)} refused by the kernel` : '';
  return ['', columns([header, ...rows]), '', ...report.cells.flatMap(problemLines), `${sum}${refused}`].join('\n');
}

/** Of a row that does not end as it should, what differs; names may hold any character. */
function problemLines({ mode, place, state, identical, problems }: Cell): string[] {
  if (identical || state === 'refused' || problems.length === 0) return [];
  const named = problems.slice(0, problemsShown).map((problem) => `  ${JSON.stringify(problem).slice(1, -1)}`);
  const more = problems.length - named.length;
  return [`${mode} · ${place}:`, ...named, ...(more > 0 ? [`  … and ${String(more)} more`] : []), ''];
}
