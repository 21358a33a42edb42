// Which version of the policy is in effect on each host, and what it made of it.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { Table } from '../alert/small-tabs.tsx';
import { useHosts } from '../live/queries.ts';
import type { Host, HostPolicy } from '../live/views.ts';
import { grouped } from '../ui/format.ts';
import { Heading, Panel, State, Time } from '../ui/parts.tsx';
import { Failed, Loading, Notice } from '../ui/states.tsx';

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

function Unenforced({ policy }: { policy: HostPolicy | undefined }): ReactElement | null {
  if (policy === undefined || policy.unenforced.length === 0) return null;
  return (
    <ul className="mt-1 list-disc pl-4 text-medium">
      {policy.unenforced.map((each) => (
        <li key={each}>{each}</li>
      ))}
    </ul>
  );
}

/** On the page of one host. */
export function PolicyOfHost({ host: { policy } }: { host: Host }): ReactElement {
  return (
    <Panel label="Policy">
      <Heading
        side={
          <Link to="/policy" className="text-accent hover:underline">
            The policy
          </Link>
        }
      >
        Policy
      </Heading>
      <div data-testid="host-policy" className="flex flex-col gap-1 px-4 py-3">
        <p className="flex flex-wrap items-center gap-x-3">
          <State value={`policy-${policy?.state ?? 'none'}`} />
          <span>{policy?.summary}</span>
        </p>
        {policy === undefined || policy.state === 'none' ? null : (
          <p className="text-soft">
            Since the agent started: {grouped(policy.denied)} denied, {grouped(policy.unanswered)} let through because
            the answer came too late.
          </p>
        )}
        <Unenforced policy={policy} />
      </div>
    </Panel>
  );
}
