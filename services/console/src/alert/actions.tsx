// The buttons of an alert: each says what it will do, asks once, and shows how it goes.
import { type ReactElement, useId, useRef, useState } from 'react';
import { Problem, post } from '../live/client.ts';
import { queryClient } from '../live/queries.ts';
import type { Action, AlertDetail, Command } from '../live/views.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Button, CommandState } from '../ui/parts.tsx';

const icons: Readonly<Record<string, IconName>> = {
  restore: 'undo',
  'restore-blamed': 'undo',
  'restore-container': 'container',
  'restore-container-cold': 'container',
  'restore-conflicts': 'conflict',
  undo: 'redo',
  kill: 'stop',
  'kill-container': 'stop',
  isolate: 'network',
  rejoin: 'network',
  release: 'release',
  archive: 'archive',
};

export function Actions({ detail }: { detail: AlertDetail }): ReactElement {
  const [asked, setAsked] = useState<Action>();
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState('');
  const id = detail.alert?.id ?? '';
  const run = (action: Action): void => {
    setProblem('');
    post(`/alerts/${id}/${action.action}`)
      .catch((error: unknown) => {
        setProblem(error instanceof Problem ? error.message : 'The console could not ask for it.');
      })
      .finally(() => void queryClient.invalidateQueries({ queryKey: ['alert', id] }));
  };
  return (
    <>
      <div className="flex flex-wrap gap-2">
        {detail.actions.map((action) => (
          <Button
            key={action.action}
            data-testid={`action-${action.action}`}
            kind={lookOf(action, detail)}
            icon={icons[action.action] ?? 'response'}
            disabled={!action.enabled}
            title={action.enabled ? action.consequence : action.reason}
            onClick={() => {
              setAsked(action);
              dialog.current?.showModal();
            }}
          >
            {action.label}
          </Button>
        ))}
      </div>
      {problem === '' ? null : (
        <p role="alert" data-testid="action-problem" className="w-full text-critical">
          {problem}
        </p>
      )}
      <Confirm dialog={dialog} action={asked} onConfirm={run} />
    </>
  );
}

/** The next sensible step stands out. */
function lookOf({ action, enabled }: Action, { alert }: AlertDetail): 'primary' | 'danger' | 'plain' {
  if (action === 'kill' && enabled) return 'danger';
  const decided = Object.values(alert?.files ?? {}).some((count) => count > 0);
  const over = alert?.state === 'archived' || (alert?.runningProcesses ?? 0) > 0;
  const next = decided ? 'restore-conflicts' : 'restore';
  return action === next && enabled && !over ? 'primary' : 'plain';
}

interface ConfirmProps {
  dialog: React.RefObject<HTMLDialogElement | null>;
  action: Action | undefined;
  onConfirm: (action: Action) => void;
  testId?: string;
}

export function Confirm({ dialog, action, onConfirm, testId = 'confirm' }: ConfirmProps): ReactElement {
  const titleId = useId();
  const title = action?.label ?? '';
  return (
    <dialog
      ref={dialog}
      aria-labelledby={titleId}
      data-testid={testId}
      className="m-auto w-[440px] max-w-[calc(100vw-24px)] rounded-xl border border-line-strong bg-panel p-5 text-ink shadow-(--shadow)"
    >
      <form
        method="dialog"
        onSubmit={(event) => {
          const confirmed = (event.nativeEvent as SubmitEvent).submitter?.getAttribute('value') === 'yes';
          if (confirmed && action !== undefined) onConfirm(action);
        }}
      >
        <h2 id={titleId} className="flex items-center gap-2 text-base font-semibold">
          <Icon name={icons[action?.action ?? ''] ?? 'response'} />
          {title}?
        </h2>
        <p className="mt-2 text-soft">{action?.consequence}</p>
        <div className="mt-5 flex justify-end gap-2">
          <button value="no" className="h-8 rounded-md border border-line-strong bg-raised px-3 font-medium">
            Cancel
          </button>
          <button
            value="yes"
            autoFocus
            data-testid={`${testId}-yes`}
            className={`h-8 rounded-md px-3 font-medium text-panel ${action?.action === 'kill' ? 'bg-critical' : 'bg-accent'}`}
          >
            {title}
          </button>
        </div>
      </form>
    </dialog>
  );
}

const steps = ['requested', 'dispatched', 'delivered', 'running'] as const;
/** How long what came of a command stays under the buttons. */
const freshMs = 10 * 60_000;

/** The newest command: how far it is, then what came of it. */
export function Progress({ commands }: { commands: readonly Command[] }): ReactElement | null {
  const [command] = commands;
  if (command === undefined) return null;
  const finished = command.finishedAt !== '';
  if (
    finished &&
    Date.now() - Date.parse(command.finishedAt) > freshMs &&
    command.state === 'succeeded' &&
    command.outcome !== 'nothing'
  )
    return null;
  const reached = steps.indexOf(command.state as (typeof steps)[number]);
  return (
    <div
      data-testid="progress"
      role="status"
      className="arriving flex flex-wrap items-center gap-x-3 gap-y-1 text-soft"
    >
      <CommandState command={command} />
      {finished ? null : (
        <span aria-hidden="true" className="flex items-center gap-1">
          {steps.map((step, index) => (
            <span
              key={step}
              title={step}
              className={`h-1 w-7 rounded-full ${index <= reached ? 'bg-low' : 'bg-line-strong'}`}
            />
          ))}
        </span>
      )}
      <span>{command.summary}</span>
    </div>
  );
}
