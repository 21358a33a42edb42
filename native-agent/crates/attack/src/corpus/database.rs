//! A SQLite database of one table, `ledger(note TEXT)`, with a row for each line. Format: https://www.sqlite.org/fileformat2.html

const PAGE: usize = 4096;
/// The first page begins with the file's header.
const HEADER: usize = 100;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;
const SCHEMA: &str = "CREATE TABLE ledger(note TEXT)";
/// A row stays on its page when it is shorter than this, bytes.
const ROW_MAX: usize = 1024;
/// What one interior page can point to: a pointer and a row id of up to three bytes for each, and where it is.
const LEAVES_MAX: usize = 400;

pub fn sqlite(text: &[u8]) -> Vec<u8> {
    let lines = text
        .split(|&byte| byte == b'\n')
        .flat_map(|line| line.chunks(ROW_MAX));
    let mut leaves = leaves(lines);
    leaves.truncate(LEAVES_MAX);
    let schema = record(&[b"table", b"ledger", b"ledger", &[2], SCHEMA.as_bytes()]);
    let mut pages = vec![page(LEAF, HEADER, &[(1, cell(1, &schema))], None)];
    // The root of the table is page 2; its leaves follow when there is more than one.
    if leaves.len() > 1 {
        pages.push(root(&leaves));
    }
    pages.extend(leaves.iter().map(|leaf| page(LEAF, 0, leaf, None)));
    let count = pages.len() as u32;
    pages[0][..HEADER].copy_from_slice(&header(count));
    pages.concat()
}

fn root(leaves: &[Cells]) -> Vec<u8> {
    let cells: Cells = leaves[..leaves.len() - 1]
        .iter()
        .zip(3_u32..)
        .map(|(leaf, page)| {
            let last = leaf.last().map_or(0, |(id, _)| *id);
            (last, [&page.to_be_bytes()[..], &varint(last)].concat())
        })
        .collect();
    page(INTERIOR, 0, &cells, Some(leaves.len() as u32 + 2))
}

/// Row ids and cells.
type Cells = Vec<(u64, Vec<u8>)>;

/// Rows, as many on a page as fit.
fn leaves<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<Cells> {
    let (mut leaves, mut room) = (vec![Cells::new()], PAGE - 8);
    for (line, id) in lines.zip(1..) {
        let cell = cell(id, &record(&[line]));
        if cell.len() + 2 > room {
            leaves.push(Cells::new());
            room = PAGE - 8;
        }
        room -= cell.len() + 2;
        leaves.last_mut().expect("there is a first leaf").push((id, cell));
    }
    leaves
}

fn header(pages: u32) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..16].copy_from_slice(b"SQLite format 3\0");
    bytes[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    bytes[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    // Change counter, pages, schema cookie, schema format, UTF-8, valid for this change counter, version 3.40.1.
    for (at, value) in [
        (24, 1),
        (28, pages),
        (40, 1),
        (44, 4),
        (56, 1),
        (92, 1),
        (96, 3_040_001_u32),
    ] {
        bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    bytes
}

/// A page of a b-tree: its header, where its cells are, and at its end the cells.
fn page(kind: u8, start: usize, cells: &[(u64, Vec<u8>)], right: Option<u32>) -> Vec<u8> {
    let mut bytes = vec![0; PAGE];
    let mut pointer = start + if right.is_some() { 12 } else { 8 };
    let mut end = PAGE;
    for (_, cell) in cells {
        end -= cell.len();
        bytes[end..end + cell.len()].copy_from_slice(cell);
        bytes[pointer..pointer + 2].copy_from_slice(&(end as u16).to_be_bytes());
        pointer += 2;
    }
    bytes[start] = kind;
    bytes[start + 3..start + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
    bytes[start + 5..start + 7].copy_from_slice(&(end as u16).to_be_bytes());
    if let Some(right) = right {
        bytes[start + 8..start + 12].copy_from_slice(&right.to_be_bytes());
    }
    bytes
}

fn cell(id: u64, record: &[u8]) -> Vec<u8> {
    [varint(record.len() as u64), varint(id), record.to_vec()].concat()
}

/// A field of one byte is an integer, every other a text.
fn record(fields: &[&[u8]]) -> Vec<u8> {
    let types: Vec<u8> = fields
        .iter()
        .flat_map(|field| {
            if field.len() == 1 {
                vec![1]
            } else {
                varint(13 + 2 * field.len() as u64)
            }
        })
        .collect();
    [varint(types.len() as u64 + 1), types, fields.concat()].concat()
}

/// Big-endian groups of seven bits; all that is written here is below 2^21.
fn varint(value: u64) -> Vec<u8> {
    let low = (value & 0x7f) as u8;
    match value {
        0..0x80 => vec![low],
        0x80..0x4000 => vec![0x80 | (value >> 7) as u8, low],
        _ => vec![0x80 | (value >> 14) as u8, 0x80 | (value >> 7) as u8, low],
    }
}
