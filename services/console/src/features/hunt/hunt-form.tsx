// Which rule, over which time.
import type { ReactElement } from 'react';
import { useAddress } from '../../shared/address.ts';
import type { HuntRule } from '../../shared/api/views.ts';
import { clock } from '../../shared/format.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { Button, Panel } from '../../shared/ui/parts.tsx';

/** In the place of a name: the rule is written below. */
export const ownRule = 'own';

const spans: readonly (readonly [string, string])[] = [
  ['1h', '1 hour'],
  ['24h', '24 hours'],
  ['7d', '7 days'],
  ['30d', '30 days'],
];

const example = `title: Shells of web servers
logsource: { product: linux, category: process_creation }
detection:
  shell:
    Image|endswith: [/sh, /bash]
    ParentImage|endswith: /nginx
  condition: shell
`;

interface Props {
  rules: readonly HuntRule[];
  text: string;
  onText: (text: string) => void;
  onRun: () => void;
  running: boolean;
}

export function HuntForm({ rules, text, onText, onRun, running }: Props): ReactElement {
  const [read, write] = useAddress();
  const rule = read('rule');
  const own = rule === ownRule;
  const chosen = rules.find(({ name }) => name === rule);
  return (
    <Panel label="What to look for" className="flex flex-col gap-2 p-3">
      <div className="flex flex-wrap items-center gap-2">
        <select
          value={rule}
          aria-label="Rule"
          data-testid="hunt-rule"
          onChange={({ target }) => {
            write({ rule: target.value }, true);
          }}
          className="h-8 max-w-full min-w-0 flex-1 rounded-md border border-line-strong bg-raised px-2 font-medium md:flex-none md:basis-96"
        >
          <option value="">Choose a rule…</option>
          <option value={ownRule}>A rule of your own</option>
          {rules.map(({ name, title, level }) => (
            <option key={name} value={name}>
              {title} ({level})
            </option>
          ))}
        </select>
        <Spans />
        <Button kind="primary" icon="search" onClick={onRun} disabled={running || rule === '' || (own && text === '')}>
          {running ? 'Looking…' : 'Run'}
        </Button>
      </div>
      {own ? <OwnRule text={text} onText={onText} onRun={onRun} /> : null}
      {chosen === undefined ? null : <p className="text-soft">{chosen.description}</p>}
    </Panel>
  );
}

function Spans(): ReactElement {
  const [read, write] = useAddress();
  const [since, until] = [read('since') || '7d', read('until')];
  return (
    <div role="group" aria-label="Time" className="flex rounded-md border border-line bg-panel p-0.5">
      {spans.map(([value, word]) => (
        <button
          key={value}
          type="button"
          aria-pressed={since === value && until === ''}
          onClick={() => {
            write({ since: value, until: '' }, true);
          }}
          className={`h-7 rounded px-2.5 font-medium ${since === value && until === '' ? 'bg-raised text-ink' : 'text-soft hover:text-ink'}`}
        >
          {word}
        </button>
      ))}
      {until === '' ? null : (
        <button
          type="button"
          aria-label="Remove this stretch of time"
          onClick={() => {
            write({ since: '', until: '' }, true);
          }}
          className="flex h-7 items-center gap-1.5 rounded bg-accent-wash px-2.5 font-medium text-accent"
        >
          {clock(since, false)} – {clock(until, false)} <Icon name="cross" size={11} />
        </button>
      )}
    </div>
  );
}

function OwnRule({ text, onText, onRun }: Pick<Props, 'text' | 'onText' | 'onRun'>): ReactElement {
  return (
    <textarea
      value={text}
      rows={9}
      spellCheck={false}
      aria-label="Rule in the form of Sigma 2.1"
      data-testid="hunt-text"
      placeholder={example}
      onChange={({ target }) => {
        onText(target.value);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && text !== '') onRun();
      }}
      className="w-full resize-y rounded-md border border-line-strong bg-bg p-2 font-mono text-xs outline-none placeholder:text-faint focus:border-accent"
    />
  );
}
