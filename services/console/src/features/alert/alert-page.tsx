// One page that answers everything about one attack.
import { type ReactElement, useEffect, useMemo } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { useAddress } from '../../shared/address.ts';
import type { AlertDetail, Process } from '../../shared/api/views.ts';
import { useKeys } from '../../shared/keys.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { Panel, bySeverity } from '../../shared/ui/parts.tsx';
import { Failed, Loading } from '../../shared/ui/states.tsx';
import { type Tab, Tabs } from '../../shared/ui/tabs.tsx';
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
  const worst = [...findings].sort((a, b) => bySeverity(a.severity, b.severity));
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

function Below({ detail }: { detail: AlertDetail }): ReactElement {
  const [read, write] = useAddress();
  const tabs = tabsOf(detail, (process) => {
    write({ process });
  });
  const chosen = Math.max(
    0,
    tabs.findIndex(({ name }) => name === read('tab')),
  );
  const turn = (step: number): void => {
    write({ tab: tabs.at((chosen + step) % tabs.length)?.name });
  };
  useKeys({
    '[': () => {
      turn(-1);
    },
    ']': () => {
      turn(1);
    },
  });
  const label = 'More about the alert';
  return (
    <Panel label={label}>
      <Tabs
        label={label}
        tabs={tabs}
        chosen={tabs[chosen]?.name ?? ''}
        onChoose={(tab) => {
          write({ tab });
        }}
      />
    </Panel>
  );
}

/** In their order; the first is shown unless the address names another. */
function tabsOf(detail: AlertDetail, onProcess: (uid: string) => void): Tab[] {
  const { filesTotal, timeline, findings, connections, connectionsTruncated, commands } = detail;
  return [
    {
      name: 'files',
      label: 'Files',
      icon: 'file',
      count: filesTotal,
      content: <FilesTab detail={detail} onProcess={onProcess} />,
    },
    {
      name: 'timeline',
      label: 'Timeline',
      icon: 'clock',
      count: timeline.length,
      content: <TimelineTab entries={timeline} onProcess={onProcess} />,
    },
    {
      name: 'evidence',
      label: 'Evidence',
      icon: 'search',
      count: findings.length,
      content: <EvidenceTab detail={detail} onProcess={onProcess} />,
    },
    {
      name: 'connections',
      label: 'Connections',
      icon: 'network',
      count: connections.length,
      hasMore: connectionsTruncated,
      content: <ConnectionsTab detail={detail} onProcess={onProcess} />,
    },
    {
      name: 'commands',
      label: 'Commands',
      icon: 'response',
      count: commands.length,
      content: <CommandsTab commands={commands} />,
    },
    { name: 'raw', label: 'Raw', icon: 'process', content: <RawTab detail={detail} /> },
  ];
}
