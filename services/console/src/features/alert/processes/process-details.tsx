// Everything about the selected process, its container first.
import type { ReactElement } from 'react';
import type { AlertDetail, Finding, Process } from '../../../shared/api/views.ts';
import { baseName, clock, exact } from '../../../shared/format.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Severity, Technique } from '../../../shared/ui/parts.tsx';
import { ImageLine } from './image-line.tsx';
import { nameChain } from './name-chain.ts';
import { Facts } from './process-facts.tsx';

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
