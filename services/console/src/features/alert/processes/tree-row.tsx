// One row of the process tree.
import type { ReactElement } from 'react';
import type { Process } from '../../../shared/api/views.ts';
import { baseName } from '../../../shared/format.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Id, Technique, bySeverity, severityColour, severityIcon } from '../../../shared/ui/parts.tsx';
import { nameChain } from './name-chain.ts';
import type { FoldRow, FrameRow, ProcessRow, TreeRow } from './tree.ts';

const rowHeight = 30;
const indent = matchMedia('(max-width: 639px)').matches ? 11 : 18;
/** Deeper rows are not pushed further to the right. */
const indentMax = 22;
const edge = 12;

interface Props {
  row: TreeRow;
  top: number;
  selected: boolean;
  severities: ReadonlyMap<string, string>;
  search: string;
  onSelect: (uid: string) => void;
  onToggle: (key: string, open: boolean) => void;
}

export function TreeRowView(props: Props): ReactElement {
  const { row, top } = props;
  return (
    <div role="presentation" className="absolute inset-x-0" style={{ top, height: rowHeight }}>
      <FrameLines row={row} />
      <Guides row={row} />
      {row.kind === 'process' ? (
        <ProcessLine {...props} row={row} />
      ) : row.kind === 'frame' ? (
        <FrameLine row={row} />
      ) : (
        <FoldLine {...props} row={row} />
      )}
    </div>
  );
}

const left = (depth: number): number => edge + Math.min(depth, indentMax) * indent;

/** The container as a frame around its rows. */
function FrameLines({ row }: { row: TreeRow }): ReactElement | null {
  if (row.frame === undefined) return null;
  const ends = row.frameEnds ? 'border-b rounded-b-md' : '';
  const begins = row.kind === 'frame' ? 'border-t rounded-t-md mt-1' : '';
  return (
    <div
      aria-hidden="true"
      className={`pointer-events-none absolute inset-y-0 right-2 border-x border-dashed border-low/45 bg-low/[0.035] ${ends} ${begins}`}
      style={{ left: left(row.frame.depth) - 6 }}
    />
  );
}

function Guides({ row }: { row: TreeRow }): ReactElement {
  const depth = Math.min(row.depth, indentMax);
  const line = 'absolute border-line-strong pointer-events-none';
  return (
    <div aria-hidden="true">
      {row.guides
        .slice(1, indentMax + 1)
        .map((goesOn, index) =>
          goesOn ? (
            <div key={index} className={`${line} inset-y-0 border-l`} style={{ left: left(index) + 7 }} />
          ) : null,
        )}
      {depth > 0 && row.kind !== 'frame' ? (
        <>
          <div
            className={`${line} top-0 border-l`}
            style={{ left: left(depth - 1) + 7, height: row.last ? rowHeight / 2 : rowHeight }}
          />
          <div className={`${line} border-t`} style={{ left: left(depth - 1) + 7, top: rowHeight / 2, width: 8 }} />
        </>
      ) : null}
      {depth > 0 && row.kind === 'frame' ? (
        <div className={`${line} inset-y-0 border-l`} style={{ left: left(depth - 1) + 7 }} />
      ) : null}
    </div>
  );
}

function FrameLine({ row: { frame, depth } }: { row: FrameRow }): ReactElement {
  return (
    <div
      role="presentation"
      className="absolute inset-y-0 right-4 flex items-center gap-2 pt-1 text-xs text-low"
      style={{ left: left(depth) }}
    >
      <Icon name="container" size={13} />
      <span className="sr-only">Inside container</span>
      <Id value={frame.containerId} label="container id" />
      <span className="truncate">
        {frame.name}
        {frame.image === '' ? '' : ` · ${frame.image}`}
      </span>
    </div>
  );
}

function FoldLine({ row, onToggle }: Props & { row: FoldRow }): ReactElement {
  const { fold, open, processes, kind, depth } = row;
  const names = processes.map(({ images }) => baseName(images.at(-1)?.path ?? '?'));
  const shown = [...new Set(names)];
  const what =
    kind === 'ancestors'
      ? open
        ? 'Fold the ancestors'
        : names.join(' › ')
      : open
        ? `Fold ${processes.length} others that did nothing`
        : `${processes.length} ${processes.length === 1 ? 'other that' : 'others that'} did nothing: ${shown.slice(0, 4).join(', ')}${shown.length > 4 ? ' …' : ''}`;
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-expanded={open}
      data-testid={`fold-${kind}`}
      onClick={() => {
        onToggle(fold, !open);
      }}
      className="absolute inset-y-0.5 right-3 flex items-center gap-1.5 truncate rounded-md text-left text-faint hover:text-ink"
      style={{ left: left(depth) }}
    >
      <Icon name={open ? 'up' : kind === 'ancestors' ? 'down' : 'right'} size={13} />
      <span className="truncate">{what}</span>
    </button>
  );
}

function ProcessLine({ row, selected, severities, onSelect, onToggle }: Props & { row: ProcessRow }): ReactElement {
  const { process, depth, children, open, hit } = row;
  const look = selected
    ? 'bg-accent-wash ring-1 ring-accent'
    : process.blamed
      ? 'bg-critical/[0.07] hover:bg-critical/[0.13]'
      : 'hover:bg-raised';
  const names = nameChain(process);
  return (
    <div
      role="treeitem"
      id={`process-${process.processUid}`}
      aria-level={depth + 1}
      aria-selected={selected}
      aria-expanded={children > 0 ? open : undefined}
      aria-label={spoken(process)}
      data-testid="process-row"
      data-uid={process.processUid}
      data-blamed={process.blamed}
      onClick={() => {
        onSelect(process.processUid);
      }}
      onDoubleClick={() => {
        if (children > 0) onToggle(process.processUid, !open);
      }}
      className={`absolute inset-y-px right-3 flex cursor-default items-center gap-1.5 rounded-md pr-2 ${look} ${process.ancestor ? 'opacity-75' : ''}`}
      style={{ left: left(depth) - 2 }}
    >
      {process.blamed ? (
        <span aria-hidden="true" className="absolute inset-y-0 left-0 w-0.5 rounded-full bg-critical" />
      ) : null}
      <Chevron
        open={open}
        children={children}
        onToggle={() => {
          onToggle(process.processUid, !open);
        }}
      />
      <span className="flex min-w-0 flex-1 items-baseline gap-1.5">
        {names.before.map((name, index) => (
          <span key={index} className="hidden whitespace-nowrap text-faint sm:inline" title="An image it ran before">
            {name} ›
          </span>
        ))}
        <span className={`font-medium whitespace-nowrap ${hit ? 'rounded bg-medium-wash px-1 text-medium' : ''}`}>
          {names.now}
        </span>
        <span className="truncate font-mono text-xs text-faint">{names.rest}</span>
      </span>
      {children > 0 && !open ? (
        <span className="rounded-full bg-raised px-1.5 text-xs text-soft">+{children}</span>
      ) : null}
      <Marks process={process} severities={severities} />
    </div>
  );
}

function Chevron({
  open,
  children,
  onToggle,
}: {
  open: boolean;
  children: number;
  onToggle: () => void;
}): ReactElement {
  if (children === 0) return <span className="w-4 shrink-0" />;
  return (
    <button
      type="button"
      tabIndex={-1}
      aria-label={open ? 'Fold' : 'Unfold'}
      onClick={(event) => {
        event.stopPropagation();
        onToggle();
      }}
      className="grid size-4 shrink-0 place-items-center rounded text-faint hover:bg-line hover:text-ink"
    >
      <Icon name={open ? 'down' : 'right'} size={11} />
    </button>
  );
}

function Marks({ process, severities }: { process: Process; severities: ReadonlyMap<string, string> }): ReactElement {
  const worst = process.findingIds.map((id) => severities.get(id) ?? '').sort(bySeverity)[0] ?? '';
  return (
    <span className="flex shrink-0 items-center gap-1.5">
      {process.findingIds.length > 0 ? (
        <span
          data-testid="finding-mark"
          className={`flex items-center gap-1 ${severityColour(worst)}`}
          title={`${process.findingIds.length} findings`}
        >
          <Icon name={severityIcon(worst)} size={13} />
          <span className="flex gap-1 max-sm:hidden">
            {process.techniques.slice(0, 2).map((id) => (
              <Technique key={id} id={id} tone={severityColour(worst)} />
            ))}
          </span>
        </span>
      ) : null}
      <Ending process={process} />
      <span className="w-11 text-right font-mono text-xs text-faint max-sm:hidden" title="pid on the host">
        {process.pid}
      </span>
    </span>
  );
}

function Ending({ process }: { process: Process }): ReactElement | null {
  if (process.killed) {
    return (
      <span data-testid="killed-mark" className="flex items-center gap-1 text-xs font-medium text-critical">
        <Icon name="stop" size={12} /> killed
      </span>
    );
  }
  if (process.unknown) {
    if (!process.blamed) return null;
    return (
      <span data-testid="unknown-mark" className="flex items-center gap-1 text-xs font-medium text-medium">
        <Icon name="away" size={12} /> not known
      </span>
    );
  }
  if (process.ended) {
    const how =
      process.exitSignal > 0 ? `signal ${process.exitSignal}` : process.exitCode > 0 ? `exit ${process.exitCode}` : '';
    return how === '' ? null : <span className="text-xs text-faint">{how}</span>;
  }
  if (!process.blamed) return null;
  return (
    <span className="flex items-center gap-1 text-xs font-medium text-high">
      <span aria-hidden="true" className="breathing size-1.5 rounded-full bg-high" /> runs
    </span>
  );
}

function spoken(process: Process): string {
  const { now } = nameChain(process);
  const words = [
    now,
    `pid ${process.pid}`,
    ...process.techniques,
    process.blamed ? 'blamed' : '',
    process.killed ? 'killed' : '',
  ];
  return words.filter((word) => word !== '').join(', ');
}
