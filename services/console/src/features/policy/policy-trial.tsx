// What came of trying a policy: its own tests, and what its rules find in the events of the last day.
import type { ReactElement } from 'react';
import type { PolicyTrial } from '../../shared/api/views.ts';
import { grouped } from '../../shared/format.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { State } from '../../shared/ui/parts.tsx';
import { Table } from '../../shared/ui/table.tsx';
import { PolicyRules } from './policy-rules.tsx';

export function Trial({ trial }: { trial: PolicyTrial }): ReactElement {
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
