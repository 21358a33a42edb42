// The process tree of an alert: virtual, so that two thousand processes stay fast, and worked by keys as a tree should be.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactElement, useEffect, useMemo, useRef, useState } from 'react';
import type { Finding, Process } from '../../../shared/api/views.ts';
import { grouped } from '../../../shared/format.ts';
import { useKeys } from '../../../shared/keys.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Heading } from '../../../shared/ui/parts.tsx';
import { TreeRowView } from './tree-row.tsx';
import { keyMove } from './key-move.ts';
import { ProcessTree } from './tree.ts';

const rowHeight = 30;

interface Props {
  processes: readonly Process[];
  findings: readonly Finding[];
  total: number;
  truncated: boolean;
  selected: string;
  onSelect: (uid: string) => void;
}

export function ProcessTreePanel(props: Props): ReactElement {
  const { processes, total, truncated } = props;
  const tree = useMemo(() => new ProcessTree(processes), [processes]);
  const [search, setSearch] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useKeys({ '/': () => field.current?.focus() });
  const blamed = processes.filter((process) => process.blamed).length;
  return (
    <>
      <Heading
        side={
          <label className="flex h-7 items-center gap-1.5 rounded-md border border-line bg-bg px-2 focus-within:border-accent">
            <Icon name="search" size={13} />
            <input
              ref={field}
              type="search"
              value={search}
              onChange={({ target }) => {
                setSearch(target.value);
              }}
              placeholder="Find  /"
              aria-label="Find a process by name, pid, hash, user or technique"
              className="w-20 bg-transparent text-ink outline-none placeholder:text-faint focus:w-40 sm:w-36"
            />
          </label>
        }
      >
        Process tree
        <span className="ml-2 font-normal whitespace-nowrap text-faint max-sm:hidden">
          {truncated
            ? `${grouped(processes.length)} of ${grouped(total)} shown`
            : `${grouped(blamed)} blamed of ${grouped(total)}`}
        </span>
      </Heading>
      <Rows {...props} tree={tree} search={search.trim().toLowerCase()} />
    </>
  );
}

function Rows({
  tree,
  search,
  findings,
  selected,
  onSelect,
}: Props & { tree: ProcessTree; search: string }): ReactElement {
  const [toggled, setToggled] = useState<ReadonlyMap<string, boolean>>(new Map());
  const rows = useMemo(() => tree.rows({ toggled, search }), [tree, toggled, search]);
  const severities = useMemo(() => new Map(findings.map((finding) => [finding.id, finding.severity])), [findings]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const index = rows.findIndex((row) => row.kind === 'process' && row.process.processUid === selected);
  const toggle = (key: string, open: boolean): void => {
    setToggled((current) => new Map(current).set(key, open));
  };
  useReveal({
    tree,
    selected,
    index,
    toggle,
    reveal: (at) => {
      virtual.scrollToIndex(at, { align: 'auto' });
    },
  });
  const move = (event: KeyboardEvent): void => {
    const done = keyMove(event.key, { rows, index, tree });
    if (done === undefined) return;
    event.preventDefault();
    if (done === 'details') document.getElementById('process-details')?.focus();
    else if (done !== 'stay' && 'select' in done) onSelect(done.select);
    else if (done !== 'stay') toggle(done.toggle, done.open);
  };
  if (rows.length === 0) return <NoRows search={search} />;
  return (
    <div
      ref={scroller}
      role="tree"
      aria-label="Process tree"
      tabIndex={0}
      aria-activedescendant={index >= 0 ? `process-${selected}` : undefined}
      onKeyDown={move}
      data-testid="process-tree"
      className="min-h-0 flex-1 overflow-auto outline-offset-[-2px] max-lg:max-h-[400px]"
    >
      <div role="presentation" className="relative min-w-0" style={{ height: virtual.getTotalSize() + 8 }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          return row === undefined ? null : (
            <TreeRowView
              key={row.key}
              row={row}
              top={item.start + 4}
              selected={item.index === index}
              severities={severities}
              search={search}
              onSelect={onSelect}
              onToggle={toggle}
            />
          );
        })}
      </div>
    </div>
  );
}

function NoRows({ search }: { search: string }): ReactElement {
  return (
    <p className="p-6 text-center text-faint">
      {search === '' ? 'No process of it is known so far.' : `Nothing here is called “${search}”.`}
    </p>
  );
}

interface Reveal {
  tree: ProcessTree;
  selected: string;
  index: number;
  toggle: (key: string, open: boolean) => void;
  reveal: (index: number) => void;
}

/** What was selected elsewhere becomes visible: what stands above it opens, and the tree scrolls there. */
function useReveal({ tree, selected, index, toggle, reveal }: Reveal): void {
  const wanted = useRef('');
  useEffect(() => {
    if (selected === '' || wanted.current === selected) return;
    if (index >= 0) {
      wanted.current = selected;
      reveal(index);
      return;
    }
    const process = tree.process(selected);
    if (process === undefined) return;
    if (process.ancestor) toggle('ancestors', true);
    for (const above of tree.above(selected)) {
      toggle(above.processUid, true);
      toggle(`quiet ${above.processUid}`, true);
    }
  });
}
