// The rules of a policy in their order: what each asks of whom, what it does, where it is enforced, how often it fired.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Policy, PolicyRule } from '../../shared/api/views.ts';
import { grouped } from '../../shared/format.ts';
import { Severity, State, Technique } from '../../shared/ui/parts.tsx';
import { Table } from '../../shared/ui/table.tsx';

export function PolicyRules({ policy }: { policy: Policy }): ReactElement {
  // One that was only tried has not fired.
  const isKept = policy.number > 0;
  return (
    <Table names={['', 'Rule', 'What', 'Does', 'Where', 'Level', ...(isKept ? ['7 days'] : [])]}>
      {policy.rules.map((rule, at) => (
        <tr
          key={rule.name}
          data-testid="policy-rule"
          className="border-b border-line align-top last:border-0 hover:bg-raised"
        >
          <td className="px-3 py-1.5 text-faint">{at + 1}</td>
          <td className="w-2/5 min-w-56 px-3 py-1.5">
            <span className="font-medium">{rule.name}</span>
            <span className="line-clamp-2 text-soft" title={rule.description}>
              {rule.description}
            </span>
            <Named rule={rule} />
          </td>
          <td className="w-1/3 min-w-56 px-3 py-1.5">
            <span className="line-clamp-3 font-mono text-xs wrap-anywhere" title={rule.asks}>
              {rule.asks}
            </span>
            {rule.subjects === '' ? null : <span className="text-soft">{rule.subjects}</span>}
          </td>
          <td className="px-3 py-1.5 whitespace-nowrap">
            <State value={`does-${rule.action}`} />
            {rule.observeUntil === '' ? null : (
              <span className={`block ${rule.observesNow ? 'text-medium' : 'text-faint'}`}>
                {rule.observesNow ? 'only observes until' : 'since'} {rule.observeUntil}
              </span>
            )}
          </td>
          <td className="min-w-44 px-3 py-1.5">
            <Where rule={rule} />
          </td>
          <td className="px-3 py-1.5">
            <Severity value={rule.level} quiet />
          </td>
          {isKept ? (
            <td className="px-3 py-1.5 text-right">
              <Fired policy={policy.name} rule={rule} />
            </td>
          ) : null}
        </tr>
      ))}
    </Table>
  );
}

function Named({ rule }: { rule: PolicyRule }): ReactElement | null {
  if (rule.cve === '' && rule.techniques.length === 0) return null;
  return (
    <span className="mt-1 flex flex-wrap gap-1">
      {rule.cve === '' ? null : <span className="font-mono text-xs text-soft">{rule.cve}</span>}
      {rule.techniques.map((id) => (
        <Technique key={id} id={id} />
      ))}
    </span>
  );
}

/** Of a rule that denies; all others are the pipeline's. */
function Where({ rule }: { rule: PolicyRule }): ReactElement {
  if (rule.action !== 'deny') return <span className="text-faint">after the event</span>;
  return (
    <>
      <State value={`denied-${rule.denied}`} />
      {rule.denied === 'all' ? null : (
        <span className="block text-soft">
          Else {rule.otherwise}: {rule.why}.
        </span>
      )}
    </>
  );
}

function Fired({ policy, rule }: { policy: string; rule: PolicyRule }): ReactElement {
  if (rule.fired < 0) return <span className="text-faint">not known</span>;
  if (rule.fired === 0) return <span className="text-faint">–</span>;
  return (
    <>
      <Link
        to={`/alerts?rule=${encodeURIComponent(`policy.${policy}.${rule.name}`)}`}
        className="font-medium hover:text-accent hover:underline"
      >
        {grouped(rule.fired)}
      </Link>
      {rule.deniedCount > 0 ? (
        <span className="block whitespace-nowrap text-good">{grouped(rule.deniedCount)} denied</span>
      ) : null}
    </>
  );
}
