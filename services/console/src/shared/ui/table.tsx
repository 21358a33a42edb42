// A table of a page: the names of its columns, and rows.
import type { ReactElement, ReactNode } from 'react';

export function Table({ names, children }: { names: readonly string[]; children: ReactNode }): ReactElement {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-left">
        <Head names={names} />
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Head({ names }: { names: readonly string[] }): ReactElement {
  return (
    <thead className="text-xs text-faint">
      <tr className="border-b border-line">
        {names.map((name) => (
          <th key={name} scope="col" className="h-8 px-3 font-normal whitespace-nowrap">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
