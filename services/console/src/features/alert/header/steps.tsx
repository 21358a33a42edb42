// The chain of what an attack did: each step with its moment and its techniques; a click shows who did it.
import type { ReactElement } from 'react';
import { useAddress } from '../../../shared/address.ts';
import type { AlertStep } from '../../../shared/api/views.ts';
import { exact, grouped, offset } from '../../../shared/format.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { severityColour, severityIcon, Technique } from '../../../shared/ui/parts.tsx';

export function Steps({ steps }: { steps: readonly AlertStep[] }): ReactElement | null {
  const [, write] = useAddress();
  const [first] = steps;
  if (first === undefined) return null;
  return (
    <ol
      aria-label={`The attack in ${grouped(steps.length)} steps`}
      data-testid="steps"
      className="flex flex-wrap items-stretch gap-y-2"
    >
      {steps.map((step, at) => (
        <li key={step.ruleId} data-testid="step" className="flex min-w-0 items-center">
          {at > 0 && <Icon name="right" size={14} className="mx-1 shrink-0 text-faint" />}
          <div
            title={`${step.summary}\n${exact(step.time)}`}
            className="flex max-w-72 min-w-0 flex-col gap-1 rounded-md border border-line px-2.5 py-1.5"
          >
            <button
              type="button"
              className="flex min-w-0 items-center gap-1.5 text-left hover:text-accent"
              onClick={() => {
                write({ process: step.processUid });
              }}
            >
              <Icon
                name={severityIcon(step.severity)}
                size={13}
                className={`shrink-0 ${severityColour(step.severity)}`}
              />
              <span className="truncate">{step.title}</span>
              {step.findings > 1 && <span className="shrink-0 text-faint">×{grouped(step.findings)}</span>}
            </button>
            <span className="flex flex-wrap items-center gap-1 text-xs text-faint">
              <span className="mr-1 font-mono">{at === 0 ? 'start' : offset(after(step, first))}</span>
              {step.techniques.map(({ id, name }) => (
                <span key={id} title={name}>
                  <Technique id={id} />
                </span>
              ))}
            </span>
          </div>
        </li>
      ))}
    </ol>
  );
}

/** In µs; times are texts with more digits than Date keeps. */
function after(step: AlertStep, first: AlertStep): number {
  return microseconds(step.time) - microseconds(first.time);
}

function microseconds(time: string): number {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return Math.floor(Date.parse(time) / 1000) * 1e6 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
