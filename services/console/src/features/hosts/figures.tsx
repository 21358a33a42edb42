// What an agent counts: each figure with what it means, losses marked, so that nothing that was lost has to be looked for.
import type { ReactElement } from 'react';
import type { Host } from '../../shared/api/views.ts';
import { bytes, compact, grouped } from '../../shared/format.ts';
import { Icon } from '../../shared/ui/icon.tsx';
import { Heading, Panel } from '../../shared/ui/parts.tsx';

type Group = Host['figures'][number];
type Figure = Group['figures'][number];

export function Figures({ groups }: { groups: readonly Group[] }): ReactElement | null {
  if (groups.length === 0) return null;
  const losses = groups.flatMap(({ figures }) => figures.filter(isLost)).length;
  return (
    <Panel>
      <Heading side={losses === 0 ? 'nothing lost' : `${losses} ${losses === 1 ? 'kind' : 'kinds'} of loss`}>
        Since the agent’s start
      </Heading>
      <div
        data-testid="figures"
        className="grid gap-x-8 gap-y-4 px-4 py-3 grid-cols-[repeat(auto-fit,minmax(210px,1fr))]"
      >
        {groups.map((group) => (
          <section key={group.name}>
            <h3 className="pb-1 text-xs font-medium text-faint">{group.name}</h3>
            <dl>
              {group.figures.map((figure) => (
                <Line key={figure.name} figure={figure} />
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Panel>
  );
}

function Line({ figure }: { figure: Figure }): ReactElement {
  const lost = isLost(figure);
  const look = lost ? 'font-medium text-high' : figure.value === 0 ? 'text-faint' : '';
  return (
    <div className="flex items-baseline justify-between gap-3 py-0.5" title={figure.meaning}>
      <dt className={lost ? 'font-medium' : 'text-soft'}>
        {figure.name}
        {lost ? <span className="block text-xs font-normal text-soft">{figure.meaning}</span> : null}
      </dt>
      <dd className={`flex items-center gap-1 whitespace-nowrap tabular-nums ${look}`} title={grouped(figure.value)}>
        {lost ? <Icon name="lost" size={13} /> : null}
        {shown(figure)}
      </dd>
    </div>
  );
}

function isLost({ loss, value }: Figure): boolean {
  return loss && value > 0;
}

function shown({ value, unit }: Figure): string {
  if (unit === 'bytes') return bytes(value);
  if (unit === 'share') return `${(value * 100).toFixed(2)} %`;
  return compact(value);
}
