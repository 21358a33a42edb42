// One host: what it can see and stop, by which mechanism; what it lost; what its agent costs.
import type { ReactElement, ReactNode } from 'react';
import { Link, useParams } from 'react-router';
import type { Host } from '../../shared/api/views.ts';
import { bytes, grouped } from '../../shared/format.ts';
import { ContainerTable } from '../../shared/ui/container-table.tsx';
import { Icon } from '../../shared/ui/icon.tsx';
import { Heading, Id, Panel, State, Time } from '../../shared/ui/parts.tsx';
import { Failed, Loading, Notice } from '../../shared/ui/states.tsx';
import { Table } from '../../shared/ui/table.tsx';
import { Figures } from './figures.tsx';
import { HostAccess } from './host-access.tsx';
import { useHost } from './host-query.ts';
import { PolicyOfHost } from './policy-of-host.tsx';
import { Quarantine } from './quarantine.tsx';
import { Vault } from './vault.tsx';

export function HostPage(): ReactElement {
  const { id = '' } = useParams();
  const { data, isError, error, refetch } = useHost(id);
  return (
    <div className="flex flex-col gap-3">
      <Link to="/hosts" className="flex w-fit items-center gap-1 text-soft hover:text-ink">
        <Icon name="left" size={13} /> Hosts
      </Link>
      {data === undefined ? (
        <Panel>{isError ? <Failed error={error} again={() => void refetch()} /> : <Loading lines={10} />}</Panel>
      ) : (
        <Whole host={data} />
      )}
    </div>
  );
}

function Whole({ host }: { host: Host }): ReactElement {
  return (
    <>
      <Panel className="flex flex-col gap-2 p-4">
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="text-lg font-semibold">{host.name}</h1>
          <State value={host.state} />
          <Id value={host.id} length={21} label="host id" className="text-xs text-soft" />
          <span className="ml-auto text-soft">
            seen <Time value={host.lastSeenAt} />
          </span>
        </div>
        <p className={host.reason === '' ? 'text-soft' : ''}>
          {host.reason || 'Everything it should see and stop, it can.'}
        </p>
        {host.kind === 'container' ? (
          <p className="flex flex-wrap items-center gap-x-2">
            <Icon name="container" className="text-faint" /> Container
            <Id value={host.containerId} label="container id" testId="container-id" />
            <span className="text-soft">protected from within</span>
          </p>
        ) : null}
        <p className="text-soft">
          {[
            host.os,
            host.kernel === '' ? '' : `kernel ${host.kernel}`,
            host.agentVersion === '' ? '' : `agent ${host.agentVersion}`,
          ]
            .filter((part) => part !== '')
            .join(' · ')}
        </p>
        <p className="flex flex-wrap gap-x-4">
          <Link to={`/alerts?host=${host.id}`} className="text-accent hover:underline">
            Its alerts{host.openAlerts > 0 ? ` (${host.openAlerts} open)` : ''}
          </Link>
        </p>
        <HostAccess host={host} />
      </Panel>
      <Panel className="grid grid-cols-2 gap-x-4 gap-y-3 p-4 sm:grid-cols-4 xl:grid-cols-8">
        <Figure name="events">{grouped(host.eventsTotal)}</Figure>
        <Figure name="lost" bad={host.eventsLost > 0}>
          {grouped(host.eventsLost)}
        </Figure>
        <Figure name="Baldur memory">{bytes(host.baldurRssBytes)}</Figure>
        <Figure name="Tyr memory">{bytes(host.tyrRssBytes)}</Figure>
        <Figure name="vault">{bytes(host.vaultBytes)}</Figure>
        <Figure name="files known">{grouped(host.vaultFiles)}</Figure>
        <Figure name="spooled" bad={host.spoolBytes > 0}>
          {bytes(host.spoolBytes)}
        </Figure>
        <Figure name="agent restarts" bad={host.baldurRestarts > 0}>
          {grouped(host.baldurRestarts)}
        </Figure>
      </Panel>
      <PolicyOfHost host={host} />
      <Vault host={host} />
      <Figures groups={host.figures} />
      <Quarantine host={host} />
      <Capabilities host={host} />
      <Gaps host={host} />
      {host.kind === 'container' ? null : <Containers host={host} />}
    </>
  );
}

function Containers({ host }: { host: Host }): ReactElement {
  return (
    <Panel>
      <Heading side={grouped(host.containers.length)}>Containers</Heading>
      {host.containers.length === 0 ? (
        <Notice icon="container" title="No container runs here" />
      ) : (
        <ContainerTable containers={host.containers} />
      )}
    </Panel>
  );
}

function Figure({ name, bad = false, children }: { name: string; bad?: boolean; children: ReactNode }): ReactElement {
  return (
    <div>
      <div className="text-xs text-faint">{name}</div>
      <div className={`text-base font-semibold ${bad ? 'text-high' : ''}`}>{children}</div>
    </div>
  );
}

function Capabilities({ host }: { host: Host }): ReactElement {
  return (
    <Panel>
      <Heading side={`${host.capabilities.filter(({ verified }) => verified).length} verified by its own self-test`}>
        Capabilities
      </Heading>
      {host.capabilities.length === 0 ? (
        <Notice icon="shield" title="The agent has not reported yet">
          It does within seconds of its start.
        </Notice>
      ) : null}
      {host.capabilities.length === 0 ? null : (
        <Table names={['Capability', 'State', 'Mechanism', 'Detail']}>
          {host.capabilities.map(({ name, available, verified, mechanism, detail }) => (
            <tr key={name} data-testid="capability-row" className="border-b border-line last:border-0">
              <td className="px-3 py-1.5 font-mono text-xs">{name}</td>
              <td className="px-3 whitespace-nowrap">
                <span
                  className={`inline-flex items-center gap-1.5 font-medium ${available ? (verified ? 'text-good' : 'text-medium') : 'text-faint'}`}
                >
                  <Icon name={available ? (verified ? 'check' : 'clock') : 'cross'} size={13} />
                  {available ? (verified ? 'verified' : 'available, not verified') : 'not here'}
                </span>
              </td>
              <td className="px-3 font-mono text-xs text-soft">{mechanism || '–'}</td>
              <td className="px-3 text-soft">{detail}</td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

function Gaps({ host }: { host: Host }): ReactElement {
  return (
    <Panel>
      <Heading side="7 days">Gaps: events known to be lost</Heading>
      {host.gaps.length === 0 ? (
        <p className="flex items-center gap-2 px-4 py-3 text-good">
          <Icon name="check" /> None.
        </p>
      ) : (
        <Table names={['When', 'Events', 'Where', 'Lasted']}>
          {host.gaps.map((gap) => (
            <tr key={gap.time} className="border-b border-line last:border-0">
              <td className="px-3 py-1.5">
                <Time value={gap.time} />
              </td>
              <td className="px-3 font-medium text-high">{grouped(gap.events)}</td>
              <td className="px-3 text-soft">{gap.place}</td>
              <td className="px-3 text-soft">{grouped(gap.durationMs)} ms</td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}
