// The column types that Norn's tables use.
import { ArrayColumn, FixedBytesColumn, LowCardinalityColumn, NumberColumn, StringColumn } from '../native/columns.ts';

/** Unix µs. */
export const time = (): NumberColumn => new NumberColumn("DateTime64(6, 'UTC')", 8);
export const u8 = (): NumberColumn => new NumberColumn('UInt8', 1);
export const u16 = (): NumberColumn => new NumberColumn('UInt16', 2);
export const u32 = (): NumberColumn => new NumberColumn('UInt32', 4);
export const u64 = (): NumberColumn => new NumberColumn('UInt64', 8);
export const i32 = (): NumberColumn => new NumberColumn('Int32', 4);
export const uid = (): FixedBytesColumn => new FixedBytesColumn(16);
export const sha256 = (): FixedBytesColumn => new FixedBytesColumn(32);
/** Few different texts in a block. */
export const low = (): LowCardinalityColumn => new LowCardinalityColumn();
export const text = (): StringColumn => new StringColumn();
export const lows = (): ArrayColumn<LowCardinalityColumn> => new ArrayColumn(new LowCardinalityColumn());
export const uids = (): ArrayColumn<FixedBytesColumn> => new ArrayColumn(new FixedBytesColumn(16));

/** Whose rows they are: from the record's key, which ingest made of the certificate. */
export interface RowOwner {
  readonly tenantId: string;
  readonly hostId: string;
}

export function pushTexts(column: ArrayColumn<LowCardinalityColumn>, texts: readonly string[]): void {
  for (const one of texts) column.elements.push(one);
  column.close(texts.length);
}
