// What does not alert though a rule finds it: who said so, why, until when.
import { type ReactElement, useState } from 'react';
import { remove, sentenceOf } from '../../shared/api/client.ts';
import { queryClient, useSession } from '../../shared/api/queries.ts';
import type { Exception, Rule } from '../../shared/api/views.ts';
import { exact, grouped } from '../../shared/format.ts';
import { Confirm, type Question, useAsking } from '../../shared/ui/confirm.tsx';
import { Button, Heading, Panel, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { Table } from '../../shared/ui/table.tsx';
import { useExceptions } from './rules-queries.ts';

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
  const { subject: asked, ask, dialog } = useAsking<Exception>();
  const [problem, setProblem] = useState('');
  const end = (): void => {
    setProblem('');
    remove(`/exceptions/${asked?.id ?? ''}`)
      .catch((error: unknown) => {
        setProblem(sentenceOf(error));
      })
      .finally(() => void queryClient.invalidateQueries({ queryKey: ['exceptions'] }));
  };
  return (
    <>
      <Table names={['Rule', 'Excepted', 'Why', 'By', 'Used', 'Until', '']}>
        {exceptions.map((one) => (
          <ExceptionRow
            key={one.id}
            exception={one}
            title={titles.get(one.ruleId) ?? one.ruleId}
            onEnd={mayEnd ? ask : undefined}
          />
        ))}
      </Table>
      {problem === '' ? null : (
        <p role="alert" className="px-3 py-2 text-critical">
          {problem}
        </p>
      )}
      <Confirm dialog={dialog} question={asked && endOf(asked)} onConfirm={end} testId="confirm-end" />
    </>
  );
}

interface RowProps {
  exception: Exception;
  title: string;
  /** Not for those who may only look. */
  onEnd: ((exception: Exception) => void) | undefined;
}

function ExceptionRow({ exception: one, title, onEnd }: RowProps): ReactElement {
  return (
    <tr data-testid="exception-row" className="border-b border-line align-top last:border-0 hover:bg-raised">
      <td className="px-3 py-1.5 font-medium">{title}</td>
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
        {onEnd === undefined ? null : (
          <Button
            kind="quiet"
            data-testid="exception-end"
            onClick={() => {
              onEnd(one);
            }}
          >
            {one.expired ? 'Remove' : 'End'}
          </Button>
        )}
      </td>
    </tr>
  );
}

function endOf({ summary, expired }: Exception): Question {
  const label = expired ? 'Remove the exception' : 'End the exception';
  return { label, consequence: `${summary}: from now on this alerts again.` };
}
