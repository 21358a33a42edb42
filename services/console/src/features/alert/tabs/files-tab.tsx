// Every file of the attack and what became of it.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactElement, useMemo, useRef, useState } from 'react';
import { useAddress } from '../../../shared/address.ts';
import { post } from '../../../shared/api/client.ts';
import { queryClient } from '../../../shared/api/queries.ts';
import type { AlertDetail, FileVerdict } from '../../../shared/api/views.ts';
import { baseName, grouped } from '../../../shared/format.ts';
import { Confirm, useAsking } from '../../../shared/ui/confirm.tsx';
import { Icon } from '../../../shared/ui/icon.tsx';
import { State } from '../../../shared/ui/parts.tsx';
import { Notice } from '../../../shared/ui/states.tsx';
import { readMoreFiles } from '../alert-queries.ts';
import { type Decide, FileRow, columns } from './file-row.tsx';

const verdicts = ['lost', 'conflict', 'changed', 'restored', 'removed', 'unchanged'] as const;
const rowHeight = 34;
const rowHeightNarrow = 58;
/** The reason stands on a line of its own. */
const reasonHeight = 20;

interface Props {
  detail: AlertDetail;
  onProcess: (uid: string) => void;
}

export function FilesTab({ detail, onProcess }: Props): ReactElement {
  const [read, write] = useAddress();
  const [verdict, words, of] = [read('verdict'), read('file'), read('of')];
  const shown = useMemo(
    () =>
      detail.files.filter(
        (file) =>
          (verdict === '' || file.verdict === verdict) &&
          (of === '' || file.processUid === of) &&
          (words === '' || file.path.toLowerCase().includes(words.toLowerCase())),
      ),
    [detail.files, verdict, words, of],
  );
  const decision = useDecision(detail);
  if (detail.files.length === 0) return <NoFiles detail={detail} />;
  const actor = detail.processes.find(({ processUid }) => processUid === of);
  return (
    <div data-testid="files">
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-2">
        {verdicts.map((one) => (
          <VerdictFilter
            key={one}
            verdict={one}
            count={detail.files.filter((file) => file.verdict === one).length}
            on={verdict === one}
            onClick={() => {
              write({ verdict: verdict === one ? '' : one });
            }}
          />
        ))}
        {of === '' ? null : (
          <button
            type="button"
            onClick={() => {
              write({ of: '' });
            }}
            className="flex h-7 items-center gap-1.5 rounded-full border border-accent bg-accent-wash px-2.5 text-accent"
          >
            by {baseName(actor?.images.at(-1)?.path ?? of.slice(0, 8))} {actor?.pid} <Icon name="cross" size={11} />
          </button>
        )}
        <label className="ml-auto flex h-7 items-center gap-1.5 rounded-md border border-line bg-bg px-2 focus-within:border-accent">
          <Icon name="search" size={13} className="text-faint" />
          <input
            type="search"
            value={words}
            onChange={({ target }) => {
              write({ file: target.value });
            }}
            placeholder="Filter by path"
            aria-label="Filter files by path"
            className="w-36 bg-transparent outline-none placeholder:text-faint"
          />
        </label>
      </div>
      <Rows files={shown} onProcess={onProcess} onDecide={decision.ask} />
      {decision.dialog}
      <p className="border-t border-line px-3 py-1.5 text-xs text-faint">
        {grouped(shown.length)} of {grouped(detail.files.length)} shown
        {detail.filesTruncated ? <More detail={detail} /> : null}
      </p>
    </div>
  );
}

/** The page begins with the first files of many, what was lost first. */
function More({ detail }: { detail: AlertDetail }): ReactElement {
  const [state, setState] = useState<'' | 'busy' | 'failed'>('');
  const more = (): void => {
    setState('busy');
    readMoreFiles(detail.alert?.id ?? '', detail.files.length).then(
      () => {
        setState('');
      },
      () => {
        setState('failed');
      },
    );
  };
  return (
    <>
      {` of ${grouped(detail.filesTotal)}; what was lost stands first. `}
      <button
        type="button"
        data-testid="more-files"
        disabled={state === 'busy'}
        onClick={more}
        className="text-accent hover:underline"
      >
        {state === 'failed' ? 'They could not be read: try again' : 'Show more'}
      </button>
    </>
  );
}

function NoFiles({ detail }: { detail: AlertDetail }): ReactElement {
  if (detail.telemetryProblem !== '' || detail.telemetryUnavailable)
    return (
      <Notice icon="gap" title="Not known which files it changed">
        Stored events could not be read: see above.
      </Notice>
    );
  const isOnItsWay = detail.filesTotal > 0 || detail.telemetryPending;
  return (
    <Notice icon="file" title={isOnItsWay ? 'The list of files is on its way' : 'No file was changed'}>
      {detail.filesTotal > 0
        ? `${grouped(detail.filesTotal)} files are known; their details are being stored.`
        : isOnItsWay
          ? 'What the attack changed is being put together.'
          : 'What the attack did otherwise is in the timeline.'}
    </Notice>
  );
}

function VerdictFilter({
  verdict,
  count,
  on,
  onClick,
}: {
  verdict: string;
  count: number;
  on: boolean;
  onClick: () => void;
}): ReactElement | null {
  if (count === 0) return null;
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={onClick}
      data-testid={`verdict-${verdict}`}
      className={`flex h-7 items-center gap-1.5 rounded-full border px-2.5 ${on ? 'border-accent bg-accent-wash' : 'border-line hover:border-line-strong'}`}
    >
      <State value={verdict} />
      <span className="text-soft">{grouped(count)}</span>
    </button>
  );
}

interface Decision {
  /** Asks about one file in conflict; absent when this person may not decide. */
  readonly ask: Decide;
  readonly dialog: ReactElement;
}

function useDecision({ alert, actions }: AlertDetail): Decision {
  const { subject, ask, dialog } = useAsking<FileVerdict>();
  const id = alert?.id ?? '';
  const action = actions.find((one) => one.action === 'restore-conflicts');
  const path = subject?.path ?? '';
  const consequence = `Puts back ${path} as it was before the attack. What somebody else made of it since is replaced; an undo brings it back.`;
  const decide = (): void => {
    const answered = post(`/alerts/${id}/restore-conflicts?path=${encodeURIComponent(path)}`);
    // What became of it stands under the buttons, a refusal too.
    void answered.catch(() => undefined).finally(() => void queryClient.invalidateQueries({ queryKey: ['alert', id] }));
  };
  const label = 'Put this file back';
  const question = action === undefined ? undefined : { label, consequence, icon: 'conflict' as const };
  return {
    ask: action?.enabled === true ? ask : undefined,
    dialog: <Confirm dialog={dialog} question={question} onConfirm={decide} testId="decision" />,
  };
}

interface RowsProps {
  files: readonly FileVerdict[];
  onProcess: (uid: string) => void;
  onDecide: Decide;
}

function Rows({ files, onProcess, onDecide }: RowsProps): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = matchMedia('(max-width: 767px)').matches;
  const virtual = useVirtualizer({
    count: files.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (narrow ? rowHeightNarrow : rowHeight) + (files[index]?.reason ? reasonHeight : 0),
    getItemKey: (index) => `${files[index]?.path ?? ''} ${files[index]?.containerId ?? ''}`,
    overscan: 10,
  });
  return (
    <div
      ref={scroller}
      role="table"
      aria-label="Files"
      aria-rowcount={files.length}
      tabIndex={0}
      className="max-h-[420px] overflow-auto outline-offset-[-2px]"
    >
      <div
        role="row"
        className={`sticky top-0 z-10 hidden h-8 border-b border-line bg-panel px-3 text-xs text-faint ${columns}`}
      >
        {['Verdict', 'Path', 'How', 'When', 'Size', 'SHA-256 before → after', 'Mode · owner', 'Modified'].map(
          (name) => (
            <span key={name} role="columnheader" className={name === 'Modified' ? 'hidden 2xl:inline' : ''}>
              {name}
            </span>
          ),
        )}
      </div>
      <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start, size }) => {
          const file = files[index];
          return file === undefined ? null : (
            <FileRow
              key={`${file.path} ${file.containerId}`}
              file={file}
              top={start}
              height={size}
              onProcess={onProcess}
              onDecide={onDecide}
            />
          );
        })}
      </div>
    </div>
  );
}
