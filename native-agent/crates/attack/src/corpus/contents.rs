//! The content of ordinary files, each kind with the structure its programs expect.
use super::{archives, database, pictures};
use crate::random::Random;

pub const WORDS: [&str; 16] = [
    "invoice", "delivery", "customer", "balance", "quarter", "north", "contract", "signed", "annual",
    "report", "total", "amount", "tax", "order", "account", "payment",
];
/// Of all ordinary files of a corpus together; many files are small ones.
const BYTES_MAX: u64 = 256 << 20;

/// The smallest ordinary file of a corpus, and by how much it may be larger, bytes.
pub fn sizes(files: u32) -> (u64, u64) {
    let mean = BYTES_MAX / u64::from(files.max(1));
    (mean.min(2_048), mean.clamp(1_024, 48 * 1024))
}

/// A file name's ending and about `size` bytes that suit it; compressed kinds are smaller.
pub fn of_kind(number: u32, size: u64, random: &mut Random) -> (&'static str, Vec<u8>) {
    let size = size as usize;
    match number % 14 {
        0 => ("txt", text(size, b' ', random)),
        1 => ("csv", text(size, b';', random)),
        2 => ("json", json(size, random)),
        3 => ("rs", source(size, random)),
        4 => ("docx", archives::docx(&text(size, b' ', random))),
        5 => ("xlsx", archives::xlsx(&text(size, b',', random))),
        6 => ("png", pictures::png(size, random)),
        7 => ("jpg", pictures::jpeg(size, random)),
        8 => ("db", database::sqlite(&text(size, b' ', random))),
        9 => ("pdf", pdf(&text(size, b' ', random))),
        10 => ("csv.gz", archives::gzip(&text(size, b';', random))),
        11 => ("zip", archives::zip(&[("report.txt", &text(size, b' ', random))])),
        12 => ("7z", archives::seven_zip(&text(size, b' ', random))),
        _ => (
            "html",
            [b"<!doctype html>\n<p>".as_slice(), &text(size, b' ', random)].concat(),
        ),
    }
}

pub fn text(size: usize, separator: u8, random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 16);
    while bytes.len() < size {
        bytes.extend_from_slice(WORDS[random.below(16) as usize].as_bytes());
        bytes.push(if random.below(9) == 0 { b'\n' } else { separator });
    }
    bytes
}

fn json(size: usize, random: &mut Random) -> Vec<u8> {
    let words = text(size, b' ', random);
    let rows: Vec<_> = words
        .split(|&byte| byte == b'\n')
        .map(String::from_utf8_lossy)
        .collect();
    serde_json::to_vec(&serde_json::json!({ "rows": rows })).unwrap_or_default()
}

fn source(size: usize, random: &mut Random) -> Vec<u8> {
    let lines = text(size, b' ', random);
    let mut code = b"fn main() {\n".to_vec();
    for line in lines.split(|&byte| byte == b'\n') {
        code.extend_from_slice(b"    // ");
        code.extend_from_slice(line);
        code.push(b'\n');
    }
    code.extend_from_slice(b"}\n");
    code
}

/// One page with one stream of text, and a table of where its objects begin.
fn pdf(stream: &[u8]) -> Vec<u8> {
    let objects: [Vec<u8>; 4] = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>".to_vec(),
        [
            format!("<< /Length {} >>\nstream\n", stream.len()).as_bytes(),
            stream,
            b"\nendstream",
        ]
        .concat(),
    ];
    let mut bytes = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", bytes.len()));
        bytes.extend_from_slice(format!("{} 0 obj\n", number + 1).as_bytes());
        bytes.extend_from_slice(object);
        bytes.extend_from_slice(b"\nendobj\n");
    }
    let trailer = format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{}\n%%EOF\n",
        objects.len() + 1,
        bytes.len()
    );
    [&bytes, table.as_bytes(), trailer.as_bytes()].concat()
}
