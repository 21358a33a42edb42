// Rules: what is looked for on the hosts, and what can not be seen there.
import type { ReactElement } from 'react';
import { useAddress } from '../../shared/address.ts';
import type { BlindSpot, Rule } from '../../shared/api/views.ts';
import { grouped } from '../../shared/format.ts';
import { FilterField } from '../../shared/ui/filter-field.tsx';
import { Heading, Id, PageTitle, Panel, Severity, State, Technique } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { Table } from '../../shared/ui/table.tsx';
import { Exceptions } from './exceptions.tsx';
import { useRules } from './rules-queries.ts';

/** More rows are not looked through by eye. */
const SHOWN_MAX = 300;

export function RulesPage(): ReactElement {
  const { data, isError, error, refetch } = useRules();
  const [read] = useAddress();
  if (data === undefined)
    return <Panel>{isError ? <Failed error={error} again={() => void refetch()} /> : <Loading />}</Panel>;
  const words = read('q').toLowerCase();
  const found = data.rules.filter((rule) =>
    [rule.title, rule.id, rule.author, rule.level, rule.state, ...rule.techniques].some((value) =>
      value.toLowerCase().includes(words),
    ),
  );
  return (
    <div className="flex flex-col gap-3">
      <PageTitle side={<FilterField label="Filter rules" hint="Title, technique, author, state" width="w-52" />}>
        Rules
      </PageTitle>
      <p data-testid="rules-summary" className="text-soft">
        {data.summary}
        {data.findingsUnavailable ? '; what they found can not be read just now' : ''}
      </p>
      <Panel label="Rules">
        {found.length === 0 ? (
          <Notice icon="rule" title="No rule is called so">
            Try a part of the title, a technique such as T1486, or the author.
          </Notice>
        ) : (
          <RuleTable rules={found.slice(0, SHOWN_MAX)} />
        )}
        {found.length > SHOWN_MAX ? (
          <p className="border-t border-line px-3 py-2 text-faint">
            {grouped(found.length - SHOWN_MAX)} more: filter for what you look for.
          </p>
        ) : null}
      </Panel>
      <Exceptions rules={data.rules} />
      <BlindSpots spots={data.blindSpots} />
    </div>
  );
}

function RuleTable({ rules }: { rules: readonly Rule[] }): ReactElement {
  return (
    <Table names={['Rule', 'Level', 'Techniques', 'State', 'Seen here', 'Cost', 'Found', 'From', 'Version', 'Id']}>
      {rules.map((rule) => (
        <tr
          key={`${rule.origin} ${rule.id}`}
          data-testid="rule-row"
          className="border-b border-line align-top last:border-0 hover:bg-raised"
        >
          <td className="max-w-xl min-w-56 px-3 py-1.5">
            <span className="font-medium">{rule.title}</span>
            {rule.kind === 'rule' ? null : <span className="ml-2 text-xs text-faint">{rule.kind}</span>}
            <span className="line-clamp-2 text-soft" title={rule.description}>
              {rule.description}
            </span>
            {rule.lacks.length === 0 ? null : (
              <span className="block text-medium">Not seen: {rule.lacks.join(', ')}</span>
            )}
          </td>
          <td className="px-3 py-1.5">{rule.level === '' ? null : <Severity value={rule.level} quiet />}</td>
          <td className="px-3 py-1.5">
            <span className="flex flex-wrap gap-1">
              {rule.techniques.map((id) => (
                <Technique key={id} id={id} />
              ))}
            </span>
          </td>
          <td className="px-3 py-1.5">
            <State value={`rule-${rule.state}`} />
          </td>
          <td className="px-3 py-1.5">
            <State value={`seen-${rule.extent}`} />
          </td>
          <td
            data-testid="rule-cost"
            className={`px-3 py-1.5 whitespace-nowrap ${rule.overBudget ? 'text-high' : 'text-soft'}`}
            title="µs for 1,000 events, over the last hour"
          >
            {rule.usPer1000Events === 0 ? '–' : `${rule.usPer1000Events.toFixed(1)} µs`}
            {rule.overBudget ? ', over its budget' : ''}
          </td>
          <td className="px-3 py-1.5 text-soft" title="Findings of the last hour">
            {rule.findings === 0 ? '–' : grouped(rule.findings)}
          </td>
          <td className="px-3 py-1.5 text-soft">{rule.origin === 'norn' ? 'Norn' : rule.author || 'an import'}</td>
          <td className="px-3 py-1.5 text-soft">{rule.version}</td>
          <td className="px-3 py-1.5">
            <Id value={rule.id} length={8} label="rule id" />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function BlindSpots({ spots }: { spots: readonly BlindSpot[] }): ReactElement {
  return (
    <Panel label="Blind spots">
      <Heading side={spots.length === 0 ? null : `${grouped(spots.length)} that rules ask for`}>Blind spots</Heading>
      {spots.length === 0 ? (
        <Notice icon="check" tone="text-good" title="The sensor sees all that these rules ask for">
          What imported rules ask for and the sensor does not give stands here, with the reason.
        </Notice>
      ) : (
        <Table names={['What', 'Why', 'Cause', 'Rules']}>
          {spots.map((spot) => (
            <tr key={spot.what} data-testid="blind-spot" className="border-b border-line align-top last:border-0">
              <td className="px-3 py-1.5 font-mono whitespace-nowrap">{spot.what}</td>
              <td className="min-w-64 px-3 py-1.5">{spot.why}</td>
              <td className="px-3 py-1.5 whitespace-nowrap text-soft">{spot.cause}</td>
              <td className="px-3 py-1.5 text-soft">
                <details>
                  <summary className="cursor-pointer whitespace-nowrap">{grouped(spot.rules.length)}</summary>
                  <ul className="mt-1">
                    {spot.rules.map((title) => (
                      <li key={title}>{title}</li>
                    ))}
                  </ul>
                </details>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}
