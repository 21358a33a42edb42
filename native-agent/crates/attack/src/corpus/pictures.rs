//! Pictures with the parts their formats prescribe; what they show is noise.
use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::random::Random;

/// Pixels in a row, one byte each.
const PNG_WIDTH: usize = 128;

/// Grey, 8 bits. Format: W3C PNG, third edition.
pub fn png(size: usize, random: &mut Random) -> Vec<u8> {
    let height = (size / (PNG_WIDTH + 1)).max(1);
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..height {
        let row = [&[0], &random.bytes(PNG_WIDTH)[..]].concat();
        rows.write_all(&row).expect("memory can always be written");
    }
    let rows = rows.finish().expect("memory can always be written");
    let mut header = (PNG_WIDTH as u32).to_be_bytes().to_vec();
    header.extend_from_slice(&(height as u32).to_be_bytes());
    header.extend_from_slice(&[8, 0, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &rows), (b"IEND", &Vec::new())] {
        let chunk = [&kind[..], data].concat();
        bytes.extend_from_slice(&(data.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&chunk);
        bytes.extend_from_slice(&crc32fast::hash(&chunk).to_be_bytes());
    }
    bytes
}

/// Headers as JFIF 1.02 has them, then a scan of noise with its 0xff bytes stuffed.
pub fn jpeg(size: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0".to_vec();
    bytes.extend_from_slice(b"\xff\xdb\0\x43\0");
    bytes.extend((1..=64).map(|step| 2 + step / 2));
    bytes.extend_from_slice(b"\xff\xc0\0\x0b\x08\x01\0\x01\0\x01\x01\x11\0");
    for table in [0x00, 0x10] {
        // Sixteen codes of five bits.
        bytes.extend_from_slice(&[0xff, 0xc4, 0, 35, table]);
        bytes.extend_from_slice(&[0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(0..16);
    }
    bytes.extend_from_slice(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0");
    for byte in random.bytes(size) {
        bytes.push(byte);
        if byte == 0xff {
            bytes.push(0);
        }
    }
    bytes.extend_from_slice(b"\xff\xd9");
    bytes
}
