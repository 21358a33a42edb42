// One file of the attack: what became of it, and what it was.
import type { ReactElement } from 'react';
import type { FileVerdict } from '../../../shared/api/views.ts';
import { bytes, clock, date, exact, mode, octal } from '../../../shared/format.ts';
import { Id, State } from '../../../shared/ui/parts.tsx';

export const columns =
  'md:grid md:grid-cols-[96px_minmax(120px,1fr)_72px_96px_64px_196px_104px] 2xl:grid-cols-[96px_minmax(120px,1fr)_72px_96px_64px_196px_104px_88px] md:items-center md:content-center md:gap-x-3';

export type Decide = ((file: FileVerdict) => void) | undefined;

export function FileRow({
  file,
  top,
  height,
  onProcess,
  onDecide,
}: {
  file: FileVerdict;
  top: number;
  height: number;
  onProcess: (uid: string) => void;
  onDecide: Decide;
}): ReactElement {
  const cut = file.path.lastIndexOf('/') + 1;
  return (
    <div
      role="row"
      data-testid="files-row"
      data-verdict={file.verdict}
      data-path={file.path}
      className={`absolute inset-x-0 border-b border-line px-3 hover:bg-raised max-md:flex max-md:flex-wrap max-md:content-center max-md:items-center max-md:gap-x-3 ${columns}`}
      style={{ top, height }}
    >
      <span role="cell">
        <State value={file.verdict} />
      </span>
      <span role="cell" className="min-w-0 max-md:order-first max-md:w-full">
        <span className="flex min-w-0" title={file.path}>
          <span className="truncate font-mono text-xs text-soft">{file.path.slice(0, cut)}</span>
          <span className="shrink-0 font-mono text-xs font-medium">{file.path.slice(cut)}</span>
        </span>
      </span>
      <span role="cell" className="text-soft">
        {file.change}
      </span>
      <button
        role="cell"
        type="button"
        disabled={file.processUid === ''}
        onClick={() => {
          onProcess(file.processUid);
        }}
        className="text-left font-mono text-xs hover:text-accent"
        title={`${exact(file.changedAt)}\nby ${file.processName || 'an unknown process'} ${file.pid || ''}: click to see it`}
      >
        {clock(file.changedAt)}
      </button>
      <span role="cell" className="text-right text-soft max-md:hidden">
        {file.size === 0 ? '–' : bytes(file.size)}
      </span>
      <Hashes file={file} />
      <Owner file={file} />
      <span role="cell" className="hidden truncate text-xs text-soft 2xl:block" title={exact(file.modifiedAt)}>
        {date(file.modifiedAt)}
      </span>
      <Reason file={file} onDecide={onDecide} />
    </div>
  );
}

function Hashes({ file: { sha256Before, sha256After } }: { file: FileVerdict }): ReactElement {
  return (
    <span role="cell" className="flex items-center gap-1 text-xs text-soft max-md:hidden">
      {sha256Before === '' ? (
        <span className="text-faint">new</span>
      ) : (
        <Id value={sha256Before} length={8} label="hash before" />
      )}
      <span className="text-faint">→</span>
      {sha256After === '' ? (
        <span className="text-faint">gone</span>
      ) : (
        <Id value={sha256After} length={8} label="hash after" />
      )}
    </span>
  );
}

function Owner({ file }: { file: FileVerdict }): ReactElement {
  return (
    <span
      role="cell"
      className="truncate font-mono text-xs text-soft max-md:hidden"
      title={`mode ${mode(file.mode)}, user ${file.userId}, group ${file.groupId}`}
    >
      {file.mode === 0 ? '–' : `${octal(file.mode)} · ${file.userId}:${file.groupId}`}
    </span>
  );
}

/** Why it was not restored: below the row and as wide, for nobody should have to hover for it. */
function Reason({ file, onDecide }: { file: FileVerdict; onDecide: Decide }): ReactElement | null {
  if (file.reason === '') return null;
  return (
    <span role="cell" className="flex min-w-0 gap-2 max-md:w-full md:col-start-2 md:col-end-[-1]">
      <span
        data-testid="file-reason"
        className={`truncate ${file.verdict === 'lost' ? 'text-critical' : 'text-medium'}`}
        title={file.reason}
      >
        {file.reason}
      </span>
      {file.verdict === 'conflict' && onDecide !== undefined ? (
        <button
          type="button"
          data-testid="decide"
          className="shrink-0 text-accent hover:underline"
          onClick={() => {
            onDecide(file);
          }}
        >
          put back
        </button>
      ) : null}
    </span>
  );
}
