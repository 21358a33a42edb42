// Why: each finding with its rule, version, and the fields and values that matched.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { AlertDetail, Finding } from '../../../shared/api/views.ts';
import { clock, exact, grouped } from '../../../shared/format.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Severity, Technique } from '../../../shared/ui/parts.tsx';
import { nameChain } from '../processes/name-chain.ts';
import { Except } from './except.tsx';

interface Props {
  detail: AlertDetail;
  onProcess: (uid: string) => void;
}

export function EvidenceTab({ detail, onProcess }: Props): ReactElement {
  const total = detail.alert?.findingsTotal ?? 0;
  return (
    <div data-testid="evidence" className="grid gap-3 p-3 lg:grid-cols-2">
      {detail.findings.map((finding) => (
        <FindingCard key={finding.id} finding={finding} detail={detail} onProcess={onProcess} />
      ))}
      {total > detail.findings.length ? (
        <p className="text-faint lg:col-span-2">
          The earliest {grouped(detail.findings.length)} of {grouped(total)} findings are shown.
        </p>
      ) : null}
    </div>
  );
}

const rungs: Readonly<Record<string, string>> = {
  observed: 'only observed',
  frozen: 'frozen by the agent',
  killed: 'killed by the agent',
  'killed-at-exec': 'killed before its first instruction',
  denied: 'denied by the agent',
};

function FindingCard({ finding, detail, onProcess }: Props & { finding: Finding }): ReactElement {
  const process = detail.processes.find(({ processUid }) => processUid === finding.processUid);
  return (
    <article data-testid="finding" className="min-w-0 rounded-md border border-line bg-bg">
      <header className="flex flex-wrap items-center gap-x-2 gap-y-1 border-b border-line px-3 py-2">
        <Severity value={finding.severity} quiet />
        <h3 className="font-semibold">{finding.title}</h3>
        <time className="ml-auto font-mono text-xs text-faint" title={exact(finding.time)}>
          {clock(finding.time)}
        </time>
      </header>
      <div className="flex flex-col gap-2 px-3 py-2.5">
        <p>{finding.summary}</p>
        <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-soft">
          <Link
            to={`/alerts?rule=${encodeURIComponent(finding.ruleId)}`}
            className="font-mono text-xs hover:text-accent hover:underline"
            title={`All alerts of this ${finding.source}`}
          >
            {finding.ruleId}
          </Link>
          <span>
            {finding.source} v{finding.ruleVersion}
            {finding.ruleAuthor === '' ? '' : ` by ${finding.ruleAuthor}`}
          </span>
          <span className="flex items-center gap-1">
            <Icon name="response" size={12} />
            {rungs[finding.rung] ?? finding.rung}
          </span>
          {finding.techniques.map((id) => (
            <Technique key={id} id={id} />
          ))}
          {process === undefined ? null : (
            <button
              type="button"
              onClick={() => {
                onProcess(process.processUid);
              }}
              className="ml-auto text-accent hover:underline"
            >
              {nameChain(process).now} {process.pid}
            </button>
          )}
        </div>
        <Evidence evidence={finding.evidence} />
        <Except alertId={detail.alert?.id ?? ''} finding={finding} />
      </div>
    </article>
  );
}

/** The fields and values that matched. */
function Evidence({ evidence }: Pick<Finding, 'evidence'>): ReactElement | null {
  if (evidence.length === 0) return null;
  return (
    <table className="w-full border-t border-line text-left">
      <thead className="sr-only">
        <tr>
          <th>Field</th>
          <th>Value that matched</th>
        </tr>
      </thead>
      <tbody>
        {evidence.map(({ field, value }) => (
          <tr key={`${field} ${value}`} className="border-b border-line last:border-0">
            <th scope="row" className="w-40 py-1 pr-3 align-top font-mono text-xs font-normal text-faint">
              {field}
            </th>
            <td className="py-1 font-mono text-xs wrap-anywhere">
              {value.includes('\n') ? <Lines text={value} /> : value}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What has lines of its own, such as the disassembly of a loop, keeps them. */
function Lines({ text }: { text: string }): ReactElement {
  return (
    <pre data-testid="lines" className="max-h-64 overflow-auto rounded-sm border border-line bg-panel px-2 py-1">
      {text}
    </pre>
  );
}
