// A policy being written: tried on its own tests and on the last day's events, then put in force.
import { type ReactElement, useRef, useState } from 'react';
import { post, put, sentenceOf } from '../../shared/api/client.ts';
import { useSession } from '../../shared/api/queries.ts';
import type { Policy, PolicyTrial } from '../../shared/api/views.ts';
import { grouped } from '../../shared/format.ts';
import { Confirm, type Question } from '../../shared/ui/confirm.tsx';
import { Icon } from '../../shared/ui/icon.tsx';
import { Button, Heading, Panel, State } from '../../shared/ui/parts.tsx';
import { Table } from '../../shared/ui/table.tsx';
import { refreshPolicy } from './policy-queries.ts';
import { PolicyRules } from './policy-rules.tsx';

export function PolicyEditor({ policy, onDone }: { policy: Policy; onDone: () => void }): ReactElement {
  const role = useSession().data?.role ?? 'viewer';
  const [text, setText] = useState(policy.body);
  const [trial, setTrial] = useState<PolicyTrial>();
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const change = (next: string): void => {
    setText(next);
    setTrial(undefined);
    setProblem('');
  };
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
  const isRight = trial !== undefined && trial.wrong.length === 0;
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
        <div className="flex flex-wrap items-center gap-2">
          <Button
            icon="clock"
            data-testid="policy-try"
            disabled={isBusy || text === '' || role === 'viewer'}
            title={role === 'viewer' ? 'For analysts and above' : 'Its own tests, and its rules over the last day'}
            onClick={() => {
              ask(post<PolicyTrial>('/policy/test', { body: text }).then(setTrial));
            }}
          >
            {isBusy ? 'Trying…' : 'Try'}
          </Button>
          <Button
            kind="primary"
            icon="check"
            data-testid="policy-apply"
            disabled={isBusy || !isRight || role !== 'admin'}
            title={role === 'admin' ? 'Try it first: its tests must be right' : 'For admins'}
            onClick={() => dialog.current?.showModal()}
          >
            Apply
          </Button>
          <Button kind="quiet" onClick={onDone}>
            Cancel
          </Button>
        </div>
        {problem === '' ? null : (
          <p role="alert" data-testid="policy-problem" className="text-critical wrap-anywhere">
            {problem}
          </p>
        )}
      </div>
      {trial === undefined ? null : <Trial trial={trial} />}
      <Confirm
        dialog={dialog}
        question={trial && applyOf(trial)}
        testId="confirm-apply"
        onConfirm={() => {
          ask(put('/policy', { body: text }).then(refreshPolicy).then(onDone));
        }}
      />
    </Panel>
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

function Trial({ trial }: { trial: PolicyTrial }): ReactElement {
  const { policy, testsRight, testsTotal, wrong, untested, unsearched } = trial;
  return (
    <div data-testid="policy-trial" className="border-t border-line">
      <p className={`flex items-center gap-2 px-4 py-2 ${wrong.length === 0 ? 'text-good' : 'text-critical'}`}>
        <Icon name={wrong.length === 0 ? 'check' : 'cross'} size={14} />
        {testsTotal === 0 ? 'It has no tests.' : `${testsRight} of ${testsTotal} tests are right.`} {policy?.summary}.
      </p>
      <ul className="px-4 pb-2 text-soft">
        {wrong.map((each) => (
          <li key={each} className="text-critical wrap-anywhere">
            {each}
          </li>
        ))}
        {untested.length === 0 ? null : <li>Without a test: {untested.join(', ')}</li>}
        {unsearched.map((each) => (
          <li key={each}>Not looked for in stored events: {each}</li>
        ))}
      </ul>
      <DryRun trial={trial} />
      {policy === undefined ? null : <PolicyRules policy={policy} />}
    </div>
  );
}

/** What its rules find in the events of the last day. */
function DryRun({ trial: { dryRun } }: { trial: PolicyTrial }): ReactElement {
  const found = dryRun.filter(({ events }) => events > 0);
  if (found.length === 0)
    return <p className="px-4 pb-3 text-soft">In the last day nothing happened that any of its rules is about.</p>;
  return (
    <Table names={['Of the last day, each by itself', 'Events', 'It does', 'In force']}>
      {found.map(({ rule, events, action, actionNow }) => (
        <tr key={rule} data-testid="policy-dry-run" className="border-b border-line last:border-0">
          <td className="px-3 py-1.5 font-medium">{rule}</td>
          <td className="px-3 py-1.5">{grouped(events)}</td>
          <td className="px-3 py-1.5">
            <State value={`does-${action}`} />
          </td>
          <td className="px-3 py-1.5 text-soft">
            {actionNow === '' ? 'not there' : <State value={`does-${actionNow}`} />}
          </td>
        </tr>
      ))}
    </Table>
  );
}
