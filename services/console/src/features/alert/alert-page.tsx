// One page that answers everything about one attack.
import { Tabs } from 'radix-ui';
import { type ReactElement, type ReactNode, useEffect, useMemo } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { useAddress } from '../../shared/address.ts';
import type { AlertDetail, Process } from '../../shared/api/views.ts';
import { grouped } from '../../shared/format.ts';
import { useKeys } from '../../shared/keys.ts';
import { Icon, type IconName } from '../../shared/ui/icon.tsx';
import { Panel } from '../../shared/ui/parts.tsx';
import { Failed, Loading } from '../../shared/ui/states.tsx';
import { useAlert } from './alert-queries.ts';
import { AlertHeader } from './header/alert-header.tsx';
import { ProcessDetails } from './processes/process-details.tsx';
import { ProcessTreePanel } from './processes/process-tree.tsx';
import { CommandsTab } from './tabs/commands-tab.tsx';
import { ConnectionsTab } from './tabs/connections-tab.tsx';
import { EvidenceTab } from './tabs/evidence-tab.tsx';
import { FilesTab } from './tabs/files-tab.tsx';
import { RawTab } from './tabs/raw-tab.tsx';
import { TimelineTab } from './tabs/timeline-tab.tsx';

export function AlertPage(): ReactElement {
  const { id = '' } = useParams();
  const query = useAlert(id);
  const navigate = useNavigate();
  useKeys({ u: () => void navigate('/alerts') });
  const alert = query.data?.alert;
  useEffect(() => {
    if (alert !== undefined) document.title = `${alert.title} · ${alert.containerName || alert.hostName} · Norn`;
    return () => {
      document.title = 'Norn';
    };
  }, [alert]);
  return (
    <div className="flex flex-col gap-3">
      <Link to="/alerts" className="flex w-fit items-center gap-1 text-soft hover:text-ink">
        <Icon name="left" size={13} /> Alerts
      </Link>
      {query.data !== undefined && alert !== undefined ? (
        <>
          <AlertHeader detail={query.data} alert={alert} />
          <Processes detail={query.data} />
          <Below detail={query.data} />
        </>
      ) : query.isError ? (
        <Panel>
          <Failed error={query.error} again={() => void query.refetch()} />
        </Panel>
      ) : (
        <Panel>
          <Loading lines={14} what="Loading the alert" />
        </Panel>
      )}
    </div>
  );
}

/** Where the eye should begin: the first blamed process with a finding, the worst first. */
function startOf({ processes, findings }: AlertDetail): Process | undefined {
  const byUid = new Map(processes.map((process) => [process.processUid, process]));
  const order = ['critical', 'high', 'medium', 'low', 'informational'];
  const worst = [...findings].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
  return (
    worst.map(({ processUid }) => byUid.get(processUid)).find((process) => process !== undefined) ??
    processes.find(({ blamed }) => blamed)
  );
}

function Processes({ detail }: { detail: AlertDetail }): ReactElement {
  const [read, write] = useAddress();
  const byUid = useMemo(
    () => new Map(detail.processes.map((process) => [process.processUid, process])),
    [detail.processes],
  );
  const selected = byUid.get(read('process')) ?? startOf(detail);
  const select = (uid: string): void => {
    write({ process: uid });
  };
  return (
    <div className="grid gap-3 lg:grid-cols-[minmax(0,6fr)_minmax(0,5fr)]">
      <Panel label="Process tree" className="flex min-w-0 flex-col lg:h-[440px]">
        <ProcessTreePanel
          processes={detail.processes}
          findings={detail.findings}
          total={detail.processesTotal}
          truncated={detail.processesTruncated}
          selected={selected?.processUid ?? ''}
          onSelect={select}
        />
      </Panel>
      <Panel label="Selected process" className="flex min-w-0 flex-col lg:h-[440px]">
        <ProcessDetails
          process={selected}
          parent={byUid.get(selected?.parentUid ?? '')}
          detail={detail}
          onSelect={select}
          onShow={(tab) => {
            write({ tab, of: selected?.processUid, process: selected?.processUid });
          }}
        />
      </Panel>
    </div>
  );
}

const tabNames = ['files', 'timeline', 'evidence', 'connections', 'commands', 'raw'] as const;

function Below({ detail }: { detail: AlertDetail }): ReactElement {
  const [read, write] = useAddress();
  const asked = tabNames.find((name) => name === read('tab'));
  const tab = asked ?? 'files';
  const turn = (step: number): void => {
    write({ tab: tabNames[(tabNames.indexOf(tab) + step + tabNames.length) % tabNames.length] });
  };
  useKeys({
    '[': () => {
      turn(-1);
    },
    ']': () => {
      turn(1);
    },
  });
  const showProcess = (uid: string): void => {
    write({ process: uid });
  };
  return (
    <Panel label="More about the alert">
      <Tabs.Root
        value={tab}
        onValueChange={(next) => {
          write({ tab: next });
        }}
      >
        <Tabs.List aria-label="More about the alert" className="flex gap-1 overflow-x-auto border-b border-line px-2">
          <Tab name="files" icon="file" count={detail.filesTotal}>
            Files
          </Tab>
          <Tab name="timeline" icon="clock" count={detail.timeline.length}>
            Timeline
          </Tab>
          <Tab name="evidence" icon="search" count={detail.findings.length}>
            Evidence
          </Tab>
          <Tab name="connections" icon="network" count={detail.connections.length} more={detail.connectionsTruncated}>
            Connections
          </Tab>
          <Tab name="commands" icon="response" count={detail.commands.length}>
            Commands
          </Tab>
          <Tab name="raw" icon="process">
            Raw
          </Tab>
        </Tabs.List>
        <Tabs.Content value="files" tabIndex={-1}>
          <FilesTab detail={detail} onProcess={showProcess} />
        </Tabs.Content>
        <Tabs.Content value="timeline" tabIndex={-1}>
          <TimelineTab entries={detail.timeline} onProcess={showProcess} />
        </Tabs.Content>
        <Tabs.Content value="evidence" tabIndex={-1}>
          <EvidenceTab detail={detail} onProcess={showProcess} />
        </Tabs.Content>
        <Tabs.Content value="connections" tabIndex={-1}>
          <ConnectionsTab detail={detail} onProcess={showProcess} />
        </Tabs.Content>
        <Tabs.Content value="commands" tabIndex={-1}>
          <CommandsTab commands={detail.commands} />
        </Tabs.Content>
        <Tabs.Content value="raw" tabIndex={-1}>
          <RawTab detail={detail} />
        </Tabs.Content>
      </Tabs.Root>
    </Panel>
  );
}

function Tab({
  name,
  icon,
  count,
  more = false,
  children,
}: {
  name: string;
  icon: IconName;
  count?: number;
  /** There are more than are counted. */
  more?: boolean;
  children: ReactNode;
}): ReactElement {
  return (
    <Tabs.Trigger
      value={name}
      data-testid={`tab-${name}`}
      className="flex h-10 items-center gap-1.5 border-b-2 border-transparent px-2.5 font-medium whitespace-nowrap text-soft hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
    >
      <Icon name={icon} size={14} />
      {children}
      {count === undefined ? null : (
        <span className="rounded-full bg-raised px-1.5 text-xs text-soft">
          {grouped(count)}
          {more ? '+' : ''}
        </span>
      )}
    </Tabs.Trigger>
  );
}
