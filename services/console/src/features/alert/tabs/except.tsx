// "Except this…": the exception that a finding proposes, what else it would have silenced, and a reason; asked once.
import { type ReactElement, type RefObject, type SubmitEvent, useId, useRef, useState } from 'react';
import { post, sentenceOf } from '../../../shared/api/client.ts';
import { queryClient, useSession } from '../../../shared/api/queries.ts';
import type { Exception, ExceptionPreview, Finding } from '../../../shared/api/views.ts';
import { exact } from '../../../shared/format.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Button } from '../../../shared/ui/parts.tsx';
import { usePreview, useProposal } from './except-queries.ts';

interface Props {
  alertId: string;
  finding: Finding;
}

/** Not for those who may only look. */
export function Except({ alertId, finding }: Props): ReactElement | null {
  const session = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [isAsked, setAsked] = useState(false);
  const [added, setAdded] = useState<Exception>();
  if (session.data === undefined || session.data.role === 'viewer') return null;
  if (added !== undefined)
    return (
      <p role="status" data-testid="excepted" className="flex items-center gap-1.5 text-good">
        <Icon name="check" size={14} />
        Excepted until <time title={exact(added.expiresAt)}>{added.expiresAt.slice(0, 10)}</time>: {added.summary}
      </p>
    );
  return (
    <>
      <Button
        kind="quiet"
        icon="release"
        data-testid="except"
        className="self-start"
        onClick={() => {
          setAsked(true);
          dialog.current?.showModal();
        }}
      >
        Except this…
      </Button>
      <dialog
        ref={dialog}
        aria-label={`Except from ${finding.title}`}
        data-testid="except-dialog"
        className="m-auto w-[560px] max-w-[calc(100vw-24px)] rounded-xl border border-line-strong bg-panel p-5 text-ink shadow-(--shadow)"
      >
        {isAsked ? <Proposal alertId={alertId} finding={finding} dialog={dialog} onAdded={setAdded} /> : null}
      </dialog>
    </>
  );
}

interface ProposalProps extends Props {
  dialog: RefObject<HTMLDialogElement | null>;
  onAdded: (added: Exception) => void;
}

function Proposal({ alertId, finding, dialog, onAdded }: ProposalProps): ReactElement {
  const { data, error } = useProposal(alertId, finding.id, true);
  if (data?.exception !== undefined)
    return (
      <Form proposed={data.exception} preview={data.preview} finding={finding} dialog={dialog} onAdded={onAdded} />
    );
  return (
    <form method="dialog" className="flex flex-col gap-4">
      <p role="status" className={error === null ? 'text-soft' : 'text-critical'}>
        {error === null ? 'Looking at the last days…' : sentenceOf(error)}
      </p>
      <Cancel />
    </form>
  );
}

interface FormProps {
  proposed: Exception;
  preview: ExceptionPreview | undefined;
  finding: Finding;
  dialog: RefObject<HTMLDialogElement | null>;
  onAdded: (added: Exception) => void;
}

const terms = [7, 30, 90, 180] as const;
const dayMs = 86_400_000;

function Form({ proposed, preview, finding, dialog, onAdded }: FormProps): ReactElement {
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [reason, setReason] = useState('');
  const [days, setDays] = useState(30);
  const [problem, setProblem] = useState('');
  const wider = left.size === 0 ? undefined : scopeOf(proposed, left);
  const tried = usePreview(finding.id, wider);
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const expiresAt = new Date(Date.now() + days * dayMs).toISOString();
    post<Exception>('/exceptions', { ...scopeOf(proposed, left), reason, expiresAt })
      .then((added) => {
        dialog.current?.close();
        void queryClient.invalidateQueries({ queryKey: ['exceptions'] });
        onAdded(added);
      })
      .catch((error: unknown) => {
        setProblem(sentenceOf(error));
      });
  };
  return (
    <form onSubmit={add} className="flex flex-col gap-4">
      <h2 className="text-base font-semibold">Except this from “{finding.title}”?</h2>
      {finding.source === 'reflex' ? (
        <p data-testid="except-reflex" className="rounded-md bg-medium-wash px-3 py-1.5 text-medium">
          The agent goes on stopping what it sees of this: only its alert is left out, and nothing is restored by
          itself.
        </p>
      ) : null}
      <Parts proposed={proposed} left={left} onChange={setLeft} />
      <Preview preview={wider === undefined ? preview : tried.data} error={wider === undefined ? null : tried.error} />
      <Why reason={reason} days={days} onReason={setReason} onDays={setDays} />
      {problem === '' ? null : (
        <p role="alert" className="text-critical">
          {problem}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Cancel dialog={dialog} />
        <button
          data-testid="except-yes"
          disabled={reason.trim() === ''}
          className="h-8 rounded-md bg-accent px-3 font-medium text-panel disabled:opacity-45"
        >
          Except
        </button>
      </div>
    </form>
  );
}

/** What may be left out: the program and the place stay. */
const optional: Readonly<Record<string, string>> = {
  sha256: 'This hash only',
  package: 'Unchanged from the package only',
  commandLine: 'This command line only',
  parentImage: 'This parent only',
  evidence: 'This evidence only',
};

interface PartsProps {
  proposed: Exception;
  left: ReadonlySet<string>;
  onChange: (left: ReadonlySet<string>) => void;
}

function Parts({ proposed, left, onChange }: PartsProps): ReactElement {
  return (
    <ul className="flex flex-col gap-1.5">
      {partsOf(proposed).map(([part, value]) => (
        <li key={part}>
          <label className="flex min-w-0 items-start gap-2">
            <input
              type="checkbox"
              checked={!left.has(part)}
              disabled={isFixed(part, proposed)}
              onChange={({ target }) => {
                onChange(new Set(target.checked ? [...left].filter((each) => each !== part) : [...left, part]));
              }}
              className="mt-1"
            />
            <span className="min-w-0">
              <span className="text-soft">{optional[part] ?? fixed[part]}</span>{' '}
              <span className="font-mono text-xs wrap-anywhere">{value}</span>
            </span>
          </label>
        </li>
      ))}
    </ul>
  );
}

/** In the order in which they are read; what is not asked is left out. */
const order = ['imagePath', 'containerImage', 'hostId', 'hostGroup', 'package', 'sha256', 'commandLine', 'parentImage'];

function partsOf({ process, place, evidence }: Exception): (readonly [string, string])[] {
  const asked: Readonly<Record<string, string>> = { ...process, ...place };
  const parts = order.map((part) => [part, asked[part] ?? ''] as const);
  const found = evidence.map(({ field, value }) => `${field} ${value}`).join(', ');
  return [...parts, ['evidence', found] as const].filter(([, value]) => value !== '');
}

/** A reflex is excepted for one program run in one way. */
function isFixed(part: string, { process, ofReflex }: Exception): boolean {
  if (!(part in optional)) return true;
  if (part === 'sha256' && process?.imagePath === '') return true;
  return ofReflex && ['sha256', 'package', 'commandLine'].includes(part);
}

const fixed: Readonly<Record<string, string>> = {
  imagePath: 'Program',
  containerImage: 'In containers of',
  hostId: 'On host',
  hostGroup: 'On hosts of',
};

function scopeOf({ ruleId, process, place, evidence }: Exception, left: ReadonlySet<string>): object {
  const kept = (part: object | undefined): object =>
    Object.fromEntries(Object.entries(part ?? {}).filter(([name]) => !left.has(name)));
  return { ruleId, process: kept(process), place: kept(place), evidence: left.has('evidence') ? [] : evidence };
}

function Preview({ preview, error }: { preview: ExceptionPreview | undefined; error: unknown }): ReactElement {
  if (preview === undefined)
    return <p role="status">{error === null ? 'Looking at the last days…' : sentenceOf(error)}</p>;
  return (
    <div role="status" className="rounded-md border border-line bg-bg px-3 py-2">
      <p data-testid="except-preview" className={preview.findings === 0 ? 'text-good' : 'text-medium'}>
        {preview.summary}.
      </p>
      <ul className="mt-1 flex flex-col gap-0.5 text-xs text-soft">
        {preview.examples.map(({ id, time, summary }) => (
          <li key={id} className="truncate" title={summary}>
            {exact(time)} · {summary}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface WhyProps {
  reason: string;
  days: number;
  onReason: (reason: string) => void;
  onDays: (days: number) => void;
}

function Why({ reason, days, onReason, onDays }: WhyProps): ReactElement {
  const id = useId();
  return (
    <div className="grid gap-2 sm:grid-cols-[minmax(0,1fr)_auto]">
      <label htmlFor={`${id}-why`} className="flex flex-col gap-1 text-soft">
        Why is it expected?
        <input
          id={`${id}-why`}
          data-testid="except-reason"
          value={reason}
          maxLength={500}
          required
          onChange={({ target }) => {
            onReason(target.value);
          }}
          className="h-8 rounded-md border border-line-strong bg-bg px-2.5 text-ink outline-none focus:border-accent"
        />
      </label>
      <label htmlFor={`${id}-days`} className="flex flex-col gap-1 text-soft">
        For
        <select
          id={`${id}-days`}
          value={days}
          onChange={({ target }) => {
            onDays(Number(target.value));
          }}
          className="h-8 rounded-md border border-line-strong bg-bg px-2 text-ink"
        >
          {terms.map((term) => (
            <option key={term} value={term}>
              {term} days
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Cancel({ dialog }: { dialog?: RefObject<HTMLDialogElement | null> }): ReactElement {
  return (
    <button
      type={dialog === undefined ? 'submit' : 'button'}
      onClick={() => dialog?.current?.close()}
      className="h-8 self-end rounded-md border border-line-strong bg-raised px-3 font-medium"
    >
      Cancel
    </button>
  );
}
