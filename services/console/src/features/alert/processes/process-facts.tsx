// What is known of a process, by name.
import type { ReactElement, ReactNode } from 'react';
import type { AlertDetail, Image, Process } from '../../../shared/api/views.ts';
import { clock, exact, grouped } from '../../../shared/format.ts';
import { Id } from '../../../shared/ui/parts.tsx';
import { ImageLine } from './image-line.tsx';
import { nameChain } from './name-chain.ts';

interface Props {
  process: Process;
  parent: Process | undefined;
  detail: AlertDetail;
  onSelect: (uid: string) => void;
  onShow: (tab: 'files' | 'connections') => void;
}

export function Facts({ process, parent, detail, onSelect, onShow }: Props): ReactElement {
  const image = process.images.at(-1);
  const children = detail.processes.filter(({ parentUid }) => parentUid === process.processUid).length;
  return (
    <dl className="grid grid-cols-[92px_1fr] gap-x-3 gap-y-1.5 px-4 py-3">
      <Fact name="container">
        <ContainerOf process={process} />
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
        <Parent process={process} parent={parent} onSelect={onSelect} />
      </Fact>
      <Fact name="started">
        <Span process={process} />
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

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <>
      <dt className="text-faint">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </>
  );
}

function ContainerOf({ process }: { process: Process }): ReactElement {
  if (process.containerId === '') return <span className="text-soft">none: it runs on the host itself</span>;
  return (
    <span className="flex flex-wrap items-center gap-x-2">
      <Id value={process.containerId} label="container id" testId="process-container-id" />
      <b className="font-medium">{process.containerName}</b>
      <span className="text-soft">{process.containerImage}</span>
    </span>
  );
}

function Parent({ process, parent, onSelect }: Pick<Props, 'process' | 'parent' | 'onSelect'>): ReactElement {
  if (parent === undefined)
    return <span className="text-soft">{process.parentPid === 0 ? 'none' : `pid ${process.parentPid}, not seen`}</span>;
  return (
    <button
      type="button"
      className="text-accent hover:underline"
      onClick={() => {
        onSelect(parent.processUid);
      }}
    >
      {nameChain(parent).now} <span className="font-mono">{parent.pid}</span>
    </button>
  );
}

/** When it started and, if it has, ended. */
function Span({ process }: { process: Process }): ReactElement {
  return (
    <>
      <span title={exact(process.startedAt)}>{clock(process.startedAt)}</span>
      {process.ended ? (
        <span className="text-soft" title={exact(process.endedAt)}>
          {' '}
          · ended {process.endFound ? 'by ' : ''}
          {clock(process.endedAt)}
          {process.endFound ? ' at the latest' : ''}
        </span>
      ) : null}
    </>
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
