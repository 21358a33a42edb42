// Which version of the policy is in effect on each host, and what it made of it.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useHosts } from '../../shared/api/queries.ts';
import type { Host } from '../../shared/api/views.ts';
import { grouped } from '../../shared/format.ts';
import { Heading, Panel, State, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { Table } from '../../shared/ui/table.tsx';
import { Unenforced } from '../../shared/ui/unenforced.tsx';

export function PolicyHosts(): ReactElement {
  const { data, error, refetch } = useHosts();
  const hosts = data?.hosts ?? [];
  const applied = hosts.filter(({ policy }) => policy?.state === 'applied').length;
  return (
    <Panel label="Hosts">
      <Heading side={data === undefined ? null : `in effect on ${grouped(applied)} of ${grouped(hosts.length)}`}>
        Hosts
      </Heading>
      {data === undefined ? (
        error === null ? (
          <Loading lines={3} what="Loading the hosts" />
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : hosts.length === 0 ? (
        <Notice icon="host" title="No host is enrolled">
          ./norn up enrols the machine it runs on.
        </Notice>
      ) : (
        <Table names={['Host', 'Policy', 'Version', 'What it made of it', 'Denied', 'Too late', 'Since']}>
          {hosts.map((host) => (
            <HostRow key={host.id} host={host} />
          ))}
        </Table>
      )}
    </Panel>
  );
}

function HostRow({ host: { id, name, policy } }: { host: Host }): ReactElement {
  return (
    <tr data-testid="policy-host" className="border-b border-line align-top last:border-0 hover:bg-raised">
      <td className="px-3 py-1.5 font-medium">
        <Link to={`/hosts/${id}`} className="hover:text-accent hover:underline">
          {name}
        </Link>
      </td>
      <td className="px-3 py-1.5">
        <State value={`policy-${policy?.state ?? 'none'}`} />
      </td>
      <td className="px-3 py-1.5">{policy === undefined || policy.number === 0 ? '–' : policy.number}</td>
      <td className="min-w-64 px-3 py-1.5 text-soft">
        {policy?.summary}
        <Unenforced policy={policy} />
      </td>
      <td className="px-3 py-1.5">{grouped(policy?.denied ?? 0)}</td>
      <td className={`px-3 py-1.5 ${(policy?.unanswered ?? 0) > 0 ? 'text-high' : ''}`}>
        {grouped(policy?.unanswered ?? 0)}
      </td>
      <td className="px-3 py-1.5 whitespace-nowrap text-soft">
        {policy === undefined || policy.appliedAt === '' ? '–' : <Time value={policy.appliedAt} />}
      </td>
    </tr>
  );
}
