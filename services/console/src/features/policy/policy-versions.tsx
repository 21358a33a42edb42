// The versions of the policy: who put which in force when, what changed, and the way back.
import { type ReactElement, useState } from 'react';
import { useAddress } from '../../shared/address.ts';
import { post, sentenceOf } from '../../shared/api/client.ts';
import { useSession } from '../../shared/api/queries.ts';
import type { Policy } from '../../shared/api/views.ts';
import { Confirm, type Question, useAsking } from '../../shared/ui/confirm.tsx';
import { Button, Heading, Panel, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { Table } from '../../shared/ui/table.tsx';
import { DiffText } from './diff-text.tsx';
import { diffLines } from './diff.ts';
import { refreshPolicy, usePolicyHistory, usePolicyVersion } from './policy-queries.ts';

export function PolicyVersions(): ReactElement {
  const { data, error, refetch } = usePolicyHistory();
  const [read, write] = useAddress();
  const versions = data?.versions ?? [];
  const to = Number(read('to') || 0);
  return (
    <Panel label="Versions">
      <Heading side={versions.length === 0 ? null : `${versions.length} kept`}>Versions</Heading>
      {data === undefined ? (
        error === null ? (
          <Loading lines={3} what="Loading the versions" />
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : versions.length === 0 ? (
        <Notice icon="clock" title="No version yet">
          What is put in force stands here, and can be taken up again.
        </Notice>
      ) : (
        <VersionTable
          versions={versions}
          onCompare={(number) => {
            write({ from: String(number - 1), to: String(number) }, true);
          }}
        />
      )}
      {to > 0 && versions.length > 0 ? <Difference versions={versions} /> : null}
    </Panel>
  );
}

interface TableProps {
  versions: readonly Policy[];
  onCompare: (number: number) => void;
}

function VersionTable({ versions, onCompare }: TableProps): ReactElement {
  const mayChange = useSession().data?.role === 'admin';
  const { subject: asked, ask, dialog } = useAsking<Policy>();
  const [problem, setProblem] = useState('');
  const rollBack = (): void => {
    setProblem('');
    post('/policy/rollback', { number: asked?.number })
      .catch((error: unknown) => {
        setProblem(sentenceOf(error));
      })
      .finally(refreshPolicy);
  };
  return (
    <>
      <Table names={['Version', 'Policy', 'By', 'When', 'What', '']}>
        {versions.map((version) => (
          <VersionRow
            key={version.number}
            version={version}
            onCompare={onCompare}
            onRollBack={mayChange ? ask : undefined}
          />
        ))}
      </Table>
      {problem === '' ? null : (
        <p role="alert" className="px-3 py-2 text-critical">
          {problem}
        </p>
      )}
      <Confirm dialog={dialog} question={asked && rollbackOf(asked)} onConfirm={rollBack} testId="confirm-rollback" />
    </>
  );
}

interface RowProps extends Pick<TableProps, 'onCompare'> {
  version: Policy;
  /** For admins. */
  onRollBack: ((version: Policy) => void) | undefined;
}

function VersionRow({ version, onCompare, onRollBack }: RowProps): ReactElement {
  return (
    <tr data-testid="policy-version" className="border-b border-line align-top last:border-0 hover:bg-raised">
      <td className="px-3 py-1.5 whitespace-nowrap">
        <span className="font-medium">{version.number}</span>
        {version.inForce ? <span className="ml-2 text-good">in force</span> : null}
      </td>
      <td className="px-3 py-1.5">
        {version.name}
        {version.restores === 0 ? null : <span className="text-soft"> (as in {version.restores})</span>}
      </td>
      <td className="px-3 py-1.5 text-soft">{version.appliedBy}</td>
      <td className="px-3 py-1.5 text-soft">
        <Time value={version.appliedAt} />
      </td>
      <td className="min-w-48 px-3 py-1.5 text-soft">{version.summary}</td>
      <td className="px-3 py-1 text-right whitespace-nowrap">
        <Button
          kind="quiet"
          data-testid="policy-compare"
          onClick={() => {
            onCompare(version.number);
          }}
        >
          What changed
        </Button>
        {onRollBack === undefined || version.inForce ? null : (
          <Button
            kind="quiet"
            icon="undo"
            data-testid="policy-rollback"
            onClick={() => {
              onRollBack(version);
            }}
          >
            Roll back
          </Button>
        )}
      </td>
    </tr>
  );
}

function rollbackOf({ number, name, summary }: Policy): Question {
  return {
    label: `Roll back to version ${number}`,
    consequence: `The text of version ${number} (${name}, ${summary}) becomes a new version, in force here within seconds and on each host when it is connected.`,
  };
}

/** Of the two versions in the address. */
function Difference({ versions }: { versions: readonly Policy[] }): ReactElement {
  const [read, write] = useAddress();
  const [from, to] = [Number(read('from') || 0), Number(read('to') || 0)];
  const [before, after] = [usePolicyVersion(from), usePolicyVersion(to)];
  const isThere = after.data !== undefined && (from === 0 || before.data !== undefined);
  const problem = after.error ?? before.error;
  const choose = (name: 'from' | 'to', value: number): ReactElement => (
    <select
      aria-label={name === 'from' ? 'Before' : 'After'}
      value={value}
      onChange={({ target }) => {
        write({ [name]: target.value }, true);
      }}
      className="h-7 rounded-md border border-line-strong bg-raised px-1"
    >
      {name === 'from' ? <option value={0}>nothing</option> : null}
      {versions.map(({ number }) => (
        <option key={number} value={number}>
          {number}
        </option>
      ))}
    </select>
  );
  return (
    <div data-testid="policy-diff" className="border-t border-line">
      <div className="flex flex-wrap items-center gap-2 px-4 py-2">
        From {choose('from', from)} to {choose('to', to)}
        <Button
          kind="quiet"
          icon="cross"
          onClick={() => {
            write({ from: '', to: '' }, true);
          }}
        >
          Close
        </Button>
      </div>
      {problem !== null ? (
        <Failed error={problem} />
      ) : isThere ? (
        <DiffText lines={diffLines(before.data?.body ?? '', after.data.body)} />
      ) : (
        <Loading lines={4} what="Loading both versions" />
      )}
    </div>
  );
}
