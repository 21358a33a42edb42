// A policy being written: tried on its own tests and on the last day's events, then put in force.
import { type ReactElement, useRef, useState } from 'react';
import { post, put, sentenceOf } from '../../shared/api/client.ts';
import { useSession } from '../../shared/api/queries.ts';
import type { Policy, PolicyTrial } from '../../shared/api/views.ts';
import { Confirm, type Question } from '../../shared/ui/confirm.tsx';
import { Button, Heading, Panel } from '../../shared/ui/parts.tsx';
import { refreshPolicy } from './policy-queries.ts';
import { Trial } from './policy-trial.tsx';

interface Draft {
  readonly text: string;
  readonly change: (text: string) => void;
  /** Of the text as it is; undefined: it was changed since, or never tried. */
  readonly trial: PolicyTrial | undefined;
  readonly isBusy: boolean;
  readonly problem: string;
  readonly tryOut: () => void;
  readonly apply: () => void;
}

function useDraft(body: string, onApplied: () => void): Draft {
  const [text, setText] = useState(body);
  const [trial, setTrial] = useState<PolicyTrial>();
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const ask = (work: Promise<unknown>): void => {
    setBusy(true);
    setProblem('');
    work
      .catch((error: unknown) => {
        setProblem(sentenceOf(error));
      })
      .finally(() => {
        setBusy(false);
      });
  };
  return {
    text,
    trial,
    isBusy,
    problem,
    change: (next) => {
      setText(next);
      setTrial(undefined);
      setProblem('');
    },
    tryOut: () => {
      ask(post<PolicyTrial>('/policy/test', { body: text }).then(setTrial));
    },
    apply: () => {
      ask(put('/policy', { body: text }).then(refreshPolicy).then(onApplied));
    },
  };
}

export function PolicyEditor({ policy, onDone }: { policy: Policy; onDone: () => void }): ReactElement {
  const draft = useDraft(policy.body, onDone);
  const { text, change, trial, problem, apply } = draft;
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <Panel label="Edit the policy">
      <Heading side={<Upload onText={change} />}>Edit</Heading>
      <div className="flex flex-col gap-2 p-3">
        <textarea
          value={text}
          rows={18}
          spellCheck={false}
          aria-label="Policy as YAML"
          data-testid="policy-text"
          onChange={({ target }) => {
            change(target.value);
          }}
          className="w-full resize-y rounded-md border border-line-strong bg-bg p-2 font-mono text-xs outline-none focus:border-accent"
        />
        <Buttons draft={draft} onApply={() => dialog.current?.showModal()} onDone={onDone} />
        {problem === '' ? null : (
          <p role="alert" data-testid="policy-problem" className="text-critical wrap-anywhere">
            {problem}
          </p>
        )}
      </div>
      {trial === undefined ? null : <Trial trial={trial} />}
      <Confirm dialog={dialog} question={trial && applyOf(trial)} testId="confirm-apply" onConfirm={apply} />
    </Panel>
  );
}

interface ButtonsProps {
  draft: Draft;
  onApply: () => void;
  onDone: () => void;
}

function Buttons({ draft: { text, trial, isBusy, tryOut }, onApply, onDone }: ButtonsProps): ReactElement {
  const role = useSession().data?.role ?? 'viewer';
  const isRight = trial !== undefined && trial.wrong.length === 0;
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Button
        icon="clock"
        data-testid="policy-try"
        disabled={isBusy || text === '' || role === 'viewer'}
        title={role === 'viewer' ? 'For analysts and above' : 'Its own tests, and its rules over the last day'}
        onClick={tryOut}
      >
        {isBusy ? 'Trying…' : 'Try'}
      </Button>
      <Button
        kind="primary"
        icon="check"
        data-testid="policy-apply"
        disabled={isBusy || !isRight || role !== 'admin'}
        title={role === 'admin' ? 'Try it first: its tests must be right' : 'For admins'}
        onClick={onApply}
      >
        Apply
      </Button>
      <Button kind="quiet" onClick={onDone}>
        Cancel
      </Button>
    </div>
  );
}

function applyOf({ policy }: PolicyTrial): Question {
  const name = policy?.name ?? '';
  return {
    label: `Apply ${name}`,
    consequence: `${name} (${policy?.summary ?? ''}) takes the place of the policy in force, here within seconds and on each host when it is connected.`,
  };
}

function Upload({ onText }: { onText: (text: string) => void }): ReactElement {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        accept=".yml,.yaml"
        aria-label="A policy file"
        data-testid="policy-file"
        className="sr-only"
        onChange={({ target }) => {
          void target.files?.[0]?.text().then(onText);
        }}
      />
      <Button kind="quiet" icon="file" onClick={() => input.current?.click()}>
        From a file
      </Button>
    </>
  );
}
