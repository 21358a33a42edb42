// Hosts: which are protected, and what is wrong with the others.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import { useAddress } from '../../shared/address.ts';
import { useHosts, useSession } from '../../shared/api/queries.ts';
import type { Host } from '../../shared/api/views.ts';
import { bytes, compact } from '../../shared/format.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { Button, PageTitle, Panel, State, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { AddHost } from './add-host.tsx';

const order = ['silent', 'degraded', 'protected', 'ended'];

export function HostsPage(): ReactElement {
  const { data, isError, error, refetch } = useHosts();
  const mayAdd = useSession().data?.role === 'admin';
  const [read, write] = useAddress();
  const isAdding = read('add') === 'host';
  if (data === undefined)
    return <Panel>{isError ? <Failed error={error} again={() => void refetch()} /> : <Loading />}</Panel>;
  const hosts = [...data.hosts].sort(
    (a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.name.localeCompare(b.name),
  );
  return (
    <div className="flex flex-col gap-3">
      <PageTitle
        side={
          <span className="flex items-center gap-3 text-soft">
            {hosts.length} enrolled
            {mayAdd ? (
              <Button
                data-testid="add-host"
                aria-expanded={isAdding}
                onClick={() => {
                  write({ add: 'host' });
                }}
              >
                Add a host
              </Button>
            ) : null}
          </span>
        }
      >
        Hosts
      </PageTitle>
      {mayAdd && isAdding ? (
        <AddHost
          hosts={hosts}
          onClose={() => {
            write({ add: '' });
          }}
        />
      ) : null}
      {hosts.length === 0 ? (
        <Panel>
          <Notice icon="host" title="No host is enrolled yet">
            <code className="font-mono">./norn up</code> enrols its own machine, “Add a host” others.
          </Notice>
        </Panel>
      ) : (
        <div className="grid gap-3 md:grid-cols-2 2xl:grid-cols-3">
          {hosts.map((host) => (
            <HostCard key={host.id} host={host} />
          ))}
        </div>
      )}
    </div>
  );
}

function HostCard({ host }: { host: Host }): ReactElement {
  const missing = host.capabilities.filter(({ available }) => !available).length;
  return (
    <Link
      to={`/hosts/${host.id}`}
      data-testid="host-row"
      className="flex flex-col gap-3 rounded-lg border border-line bg-panel p-4 hover:border-line-strong"
    >
      <div className="flex items-center gap-2">
        <Icon name={host.kind === 'container' ? 'container' : 'host'} className="text-faint" />
        <b className="text-base font-semibold">{host.name}</b>
        {host.kind === 'container' ? <span className="text-soft">container</span> : null}
        {host.openAlerts > 0 ? (
          <span className="flex items-center gap-1 text-high">
            <Icon name="alert" size={13} /> {host.openAlerts} open
          </span>
        ) : null}
        <span className="ml-auto">
          <State value={host.state} />
        </span>
      </div>
      <p className={`line-clamp-2 min-h-10 ${host.reason === '' ? 'text-soft' : 'text-ink'}`}>
        {host.reason || 'Everything it should see and stop, it can.'}
      </p>
      <dl className="grid grid-cols-3 gap-x-3 gap-y-1">
        <Fact name="last seen">
          <Time value={host.lastSeenAt} />
        </Fact>
        <Fact name="events">{compact(host.eventsTotal)}</Fact>
        <Fact name="lost">
          <span className={host.eventsLost > 0 ? 'text-high' : ''}>{compact(host.eventsLost)}</span>
        </Fact>
        <Fact name="capabilities">
          {host.capabilities.length - missing} of {host.capabilities.length}
        </Fact>
        <Fact name="agent memory">{bytes(host.baldurRssBytes + host.tyrRssBytes)}</Fact>
        <Fact name="vault">{bytes(host.vaultBytes)}</Fact>
      </dl>
    </Link>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }): ReactElement {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-faint">{name}</dt>
      <dd className="truncate font-medium">{children}</dd>
    </div>
  );
}
