// What does not alert though a rule finds it: who said so, why, until when.
import { type ReactElement, useRef, useState } from 'react';
import { Confirm } from '../alert/actions.tsx';
import { Table } from '../alert/small-tabs.tsx';
import { Problem, remove } from '../live/client.ts';
import { queryClient, useExceptions, useSession } from '../live/queries.ts';
import type { Action, Exception, Rule } from '../live/views.ts';
import { exact, grouped } from '../ui/format.ts';
import { Button, Heading, Panel, Time } from '../ui/parts.tsx';
import { Failed, Loading, Notice } from '../ui/states.tsx';

export function Exceptions({ rules }: { rules: readonly Rule[] }): ReactElement {
  const { data, error, refetch } = useExceptions();
  const exceptions = data?.exceptions ?? [];
  return (
    <Panel label="Exceptions">
      <Heading side={exceptions.length === 0 ? null : grouped(exceptions.length)}>Exceptions</Heading>
      {data === undefined ? (
        error === null ? (
          <Loading lines={2} what="Loading the exceptions" />
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : exceptions.length === 0 ? (
        <Notice icon="check" title="Nothing is excepted">
          “Except this…” stands with the evidence of an alert.
        </Notice>
      ) : (
        <ExceptionTable exceptions={exceptions} titles={new Map(rules.map(({ id, title }) => [id, title]))} />
      )}
    </Panel>
  );
}

interface TableProps {
  exceptions: readonly Exception[];
  titles: ReadonlyMap<string, string>;
}

function ExceptionTable({ exceptions, titles }: TableProps): ReactElement {
  const mayEnd = useSession().data?.role !== 'viewer';
  const dialog = useRef<HTMLDialogElement>(null);
  const [asked, setAsked] = useState<Action>();
  const [problem, setProblem] = useState('');
  const end = ({ action }: Action): void => {
    setProblem('');
    remove(`/exceptions/${action}`)
      .catch((error: unknown) => {
        setProblem(error instanceof Problem ? error.message : 'The console could not ask for it.');
      })
      .finally(() => void queryClient.invalidateQueries({ queryKey: ['exceptions'] }));
  };
  return (
    <>
      <Table names={['Rule', 'Excepted', 'Why', 'By', 'Used', 'Until', '']}>
        {exceptions.map((one) => (
          <tr
            key={one.id}
            data-testid="exception-row"
            className="border-b border-line align-top last:border-0 hover:bg-raised"
          >
            <td className="px-3 py-1.5 font-medium">{titles.get(one.ruleId) ?? one.ruleId}</td>
            <td className="max-w-xl min-w-56 px-3 py-1.5 wrap-anywhere">
              {one.summary}
              {one.ofReflex ? (
                <span className="block text-medium">The agent goes on stopping it: only the alert is left out</span>
              ) : null}
            </td>
            <td className="min-w-40 px-3 py-1.5 text-soft">{one.reason}</td>
            <td className="px-3 py-1.5 whitespace-nowrap text-soft">
              {one.author}, <Time value={one.createdAt} />
            </td>
            <td data-testid="exception-used" className="px-3 py-1.5 whitespace-nowrap text-soft">
              {one.used === 0 ? (
                'never'
              ) : (
                <>
                  {grouped(one.used)}, last <Time value={one.usedAt} />
                </>
              )}
            </td>
            <td className="px-3 py-1.5 whitespace-nowrap" title={exact(one.expiresAt)}>
              {one.expired ? <span className="text-faint">over</span> : one.expiresAt.slice(0, 10)}
            </td>
            <td className="px-3 py-1">
              {mayEnd ? (
                <Button
                  kind="quiet"
                  data-testid="exception-end"
                  onClick={() => {
                    setAsked(endOf(one));
                    dialog.current?.showModal();
                  }}
                >
                  {one.expired ? 'Remove' : 'End'}
                </Button>
              ) : null}
            </td>
          </tr>
        ))}
      </Table>
      {problem === '' ? null : (
        <p role="alert" className="px-3 py-2 text-critical">
          {problem}
        </p>
      )}
      <Confirm dialog={dialog} action={asked} onConfirm={end} testId="confirm-end" />
    </>
  );
}

function endOf({ id, summary, expired }: Exception): Action {
  const label = expired ? 'Remove the exception' : 'End the exception';
  return { action: id, label, consequence: `${summary}: from now on this alerts again.`, enabled: true, reason: '' };
}
