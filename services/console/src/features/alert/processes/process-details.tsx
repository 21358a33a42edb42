// Everything about the selected process, its container first.
import type { ReactElement, ReactNode } from 'react';
import { Link } from 'react-router';
import type { AlertDetail, Finding, Image, Process } from '../../../shared/api/views.ts';
import { baseName, clock, exact, grouped } from '../../../shared/format.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Id, Severity, Technique } from '../../../shared/ui/parts.tsx';
import { nameChain } from './tree-row.tsx';

interface Props {
  process: Process | undefined;
  parent: Process | undefined;
  detail: AlertDetail;
  onSelect: (uid: string) => void;
  onShow: (tab: 'files' | 'connections') => void;
}

export function ProcessDetails(props: Props): ReactElement {
  const { process, detail } = props;
  if (process === undefined) {
    return <p className="p-6 text-center text-faint">Select a process to see what it is and what it did.</p>;
  }
  const findings = detail.findings.filter(({ processUid }) => processUid === process.processUid);
  return (
    <div
      id="process-details"
      tabIndex={-1}
      data-testid="process-details"
      className="min-h-0 flex-1 overflow-auto outline-none"
    >
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2.5">
        <h2 className="text-base font-semibold">{nameChain(process).now}</h2>
        <span className="text-soft">
          pid <b className="font-mono font-medium text-ink">{process.pid}</b>
          {process.containerId === '' ? null : (
            <>
              {' '}
              (in container: <b className="font-mono font-medium text-ink">{process.namespacePid}</b>)
            </>
          )}
        </span>
        <span className="ml-auto">
          <Ending process={process} />
        </span>
      </div>
      <Facts {...props} process={process} />
      {findings.length > 0 ? <Why findings={findings} /> : null}
      <Images process={process} />
    </div>
  );
}

function Ending({ process }: { process: Process }): ReactElement {
  if (process.killed) {
    return (
      <span className="flex items-center gap-1.5 font-medium text-critical">
        <Icon name="stop" size={14} /> Killed
      </span>
    );
  }
  if (process.unknown) return <span className="font-medium text-medium">Not known whether it runs</span>;
  if (process.endFound) return <span className="text-soft">Ended, unseen</span>;
  if (!process.ended) return <span className="font-medium text-high">Runs</span>;
  const how = process.exitSignal > 0 ? `Ended by signal ${process.exitSignal}` : `Exited with ${process.exitCode}`;
  return <span className="text-soft">{how}</span>;
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <>
      <dt className="text-faint">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </>
  );
}

function Facts({ process, parent, detail, onSelect, onShow }: Props & { process: Process }): ReactElement {
  const image = process.images.at(-1);
  const children = detail.processes.filter(({ parentUid }) => parentUid === process.processUid).length;
  return (
    <dl className="grid grid-cols-[92px_1fr] gap-x-3 gap-y-1.5 px-4 py-3">
      <Fact name="container">
        {process.containerId === '' ? (
          <span className="text-soft">none: it runs on the host itself</span>
        ) : (
          <span className="flex flex-wrap items-center gap-x-2">
            <Id value={process.containerId} label="container id" testId="process-container-id" />
            <b className="font-medium">{process.containerName}</b>
            <span className="text-soft">{process.containerImage}</span>
          </span>
        )}
      </Fact>
      <Fact name="command">
        <code
          className="block rounded-md border border-line bg-bg px-2 py-1 font-mono text-xs leading-5"
          data-testid="process-command"
        >
          {image?.commandLine ?? 'unknown'}
        </code>
      </Fact>
      <Fact name="image">{image === undefined ? 'unknown' : <ImageLine image={image} />}</Fact>
      <Fact name="user">
        <User id={process.userId} name={process.userName} />
      </Fact>
      {image === undefined ? null : <Credentials image={image} />}
      <Fact name="parent">
        {parent === undefined ? (
          <span className="text-soft">{process.parentPid === 0 ? 'none' : `pid ${process.parentPid}, not seen`}</span>
        ) : (
          <button
            type="button"
            className="text-accent hover:underline"
            onClick={() => {
              onSelect(parent.processUid);
            }}
          >
            {nameChain(parent).now} <span className="font-mono">{parent.pid}</span>
          </button>
        )}
      </Fact>
      <Fact name="started">
        <span title={exact(process.startedAt)}>{clock(process.startedAt)}</span>
        {process.ended ? (
          <span className="text-soft" title={exact(process.endedAt)}>
            {' '}
            · ended {process.endFound ? 'by ' : ''}
            {clock(process.endedAt)}
            {process.endFound ? ' at the latest' : ''}
          </span>
        ) : null}
      </Fact>
      <Fact name="did">
        <span className="flex flex-wrap gap-x-4">
          <CountLink
            count={process.filesTouched}
            one="file"
            many="files"
            onClick={() => {
              onShow('files');
            }}
          />
          <CountLink
            count={process.connections}
            one="connection"
            many="connections"
            onClick={() => {
              onShow('connections');
            }}
          />
          <span className="text-soft">
            {grouped(children)} {children === 1 ? 'child' : 'children'}
          </span>
        </span>
      </Fact>
    </dl>
  );
}

function CountLink({
  count,
  one,
  many,
  onClick,
}: {
  count: number;
  one: string;
  many: string;
  onClick: () => void;
}): ReactElement {
  const words = `${grouped(count)} ${count === 1 ? one : many}`;
  if (count === 0) return <span className="text-soft">{words}</span>;
  return (
    <button type="button" onClick={onClick} className="text-accent hover:underline">
      {words}
    </button>
  );
}

function ImageLine({ image }: { image: Image }): ReactElement {
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      <Link
        to={`/alerts?image=${encodeURIComponent(image.path)}`}
        className="font-mono text-xs hover:text-accent hover:underline"
        title="All alerts with this image"
      >
        {image.path || 'unknown'}
      </Link>
      {image.sha256 === '' ? null : (
        <span className="flex items-center gap-1 text-faint">
          <span className="text-xs">sha256</span>
          <Id value={image.sha256} label="SHA-256" className="text-xs" />
          <Link
            to={`/alerts?sha256=${image.sha256}`}
            title="All alerts with this hash"
            aria-label="All alerts with this hash"
            className="hover:text-accent"
          >
            <Icon name="link" size={12} />
          </Link>
        </span>
      )}
      {image.package === '' ? null : (
        <span data-testid="package" className="text-xs text-soft" title="Unchanged since this package put it there">
          package {image.package} <span className="text-faint">{image.packageVersion}</span>
        </span>
      )}
      {image.environment.map((variable) => (
        <span
          key={variable}
          data-testid="environment"
          className="font-mono text-xs break-all text-soft"
          title="Environment at exec"
        >
          {variable}
        </span>
      ))}
      {image.flags.map((flag) => (
        <span key={flag} className="rounded bg-medium-wash px-1.5 text-xs text-medium" title={flagMeaning[flag]}>
          {flag}
        </span>
      ))}
    </span>
  );
}

/** As the image began: who logged in for it to be there, and what it may do on the host. */
function Credentials({ image }: { image: Image }): ReactElement {
  const { terminal, loginUserId, loginUserName, sessionId, effectiveCapabilities, permittedCapabilities } = image;
  const dormant = permittedCapabilities.filter((name) => !effectiveCapabilities.includes(name));
  return (
    <>
      <Fact name="login">
        <span data-testid="login">
          {loginUserId === undefined ? (
            <span className="text-soft">nobody’s</span>
          ) : (
            <User id={loginUserId} name={loginUserName} />
          )}
          {sessionId === undefined ? '' : `, session ${sessionId}`}
          {terminal === '' ? <span className="text-soft">, no terminal</span> : `, ${terminal}`}
        </span>
      </Fact>
      <Fact name="rights">
        <span data-testid="rights" title={effectiveCapabilities.join(', ')}>
          {rightsOf(effectiveCapabilities)}
          {dormant.length === 0 ? null : (
            <span className="text-soft" title={dormant.join(', ')}>
              {' '}
              · may take {rightsOf(dormant)}
            </span>
          )}
        </span>
      </Fact>
    </>
  );
}

/** 0 is root everywhere, whatever a list of users says. */
function User({ id, name }: { id: number; name: string }): ReactElement {
  return (
    <>
      {name || (id === 0 ? 'root' : 'no name known')} <span className="text-faint">({id})</span>
    </>
  );
}

/** A few are named, more are counted. */
function rightsOf(capabilities: readonly string[]): string {
  const namedMax = 4;
  if (capabilities.length === 0) return 'no capabilities';
  return capabilities.length > namedMax ? `${capabilities.length} capabilities` : capabilities.join(', ');
}

const flagMeaning: Readonly<Record<string, string>> = {
  'upper-layer': 'It did not come with the container’s image',
  memfd: 'It ran from memory: there is no file',
  deleted: 'Its file had no name when it started',
  tmpfs: 'It ran from a file system in memory',
  writable: 'Group or others may write it',
  setuid: 'It takes its owner’s rights',
  new: 'Changed after the container, or the agent, started',
};

function Why({ findings }: { findings: readonly Finding[] }): ReactElement {
  return (
    <div className="border-t border-line px-4 py-3">
      <h3 className="mb-2 font-semibold">Why it is blamed</h3>
      <ul className="flex flex-col gap-2">
        {findings.map((finding) => (
          <li key={finding.id} className="rounded-md border border-line bg-bg px-3 py-2">
            <div className="flex flex-wrap items-center gap-2">
              <Severity value={finding.severity} quiet />
              <b className="font-medium">{finding.title}</b>
              {finding.techniques.map((id) => (
                <Technique key={id} id={id} />
              ))}
            </div>
            <p className="mt-1 text-soft">{finding.summary}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Images({ process }: { process: Process }): ReactElement | null {
  if (process.images.length < 2) return null;
  return (
    <div className="border-t border-line px-4 py-3">
      <h3 className="mb-2 font-semibold">Images it ran, in order</h3>
      <ol className="flex flex-col gap-2">
        {process.images.map((image) => (
          <li key={image.number} className="flex gap-3">
            <time className="font-mono text-xs leading-5 text-faint" title={exact(image.startedAt)}>
              {clock(image.startedAt)}
            </time>
            <div className="min-w-0">
              <div className="font-medium">{baseName(image.path)}</div>
              <code className="font-mono text-xs wrap-anywhere text-soft">{image.commandLine}</code>
              <div>
                <ImageLine image={image} />
              </div>
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}
