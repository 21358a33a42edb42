// A Native block: named columns and a number of rows. It is sent as the pieces it consists of, never put together first.
import { Bytes } from './bytes.ts';
import type { Column } from './columns.ts';

export class NativeBlock<Columns extends Readonly<Record<string, Column>>> {
  rows = 0;
  private readonly heads = new Bytes(1024);

  /** Names are those of the table's columns. */
  constructor(
    readonly table: string,
    readonly columns: Columns,
  ) {}

  /** INSERT for these columns, in their order. */
  get insertQuery(): string {
    return `INSERT INTO ${this.table} (${Object.keys(this.columns).join(', ')}) FORMAT Native`;
  }

  /** The same for those rows alone that meet the condition. */
  insertQueryWhere(condition: string): string {
    const names = Object.keys(this.columns).join(', ');
    const structure = Object.entries(this.columns).map(([name, { type }]) => `${name} ${type}`);
    const rows = `input('${structure.join(', ').replaceAll("'", "\\'")}')`;
    return `INSERT INTO ${this.table} (${names}) SELECT ${names} FROM ${rows} WHERE ${condition} FORMAT Native`;
  }

  /** Views of what has been pushed; valid until `clear`. */
  chunks(): Buffer[] {
    const { heads } = this;
    heads.length = 0;
    // Reserved at once: the heads before must not move.
    heads.reserve(
      64 + Object.entries(this.columns).reduce((size, [name, { type }]) => size + name.length + type.length + 4, 0),
    );
    heads.varint(Object.keys(this.columns).length);
    heads.varint(this.rows);
    const pieces = [heads.view()];
    for (const [name, column] of Object.entries(this.columns)) {
      const start = heads.length;
      heads.text(name);
      heads.text(column.type);
      pieces.push(heads.buffer.subarray(start, heads.length), ...column.chunks(this.rows));
    }
    return pieces.filter((piece) => piece.length > 0);
  }

  clear(): void {
    this.rows = 0;
    for (const column of Object.values(this.columns)) column.clear();
  }
}
