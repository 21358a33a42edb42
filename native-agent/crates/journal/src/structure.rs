//! Whether what stands behind a format's first bytes is that format: anybody can write a magic in front of ciphertext.
//! Each check reads the sample only, allocates nothing, and answers `None` where the sample ends before it can tell.
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// What a 7z archive that wants a password names as its method.
const AES_OF_7Z: [u8; 4] = [0x06, 0xf1, 0x07, 0x01];

/// The beginning of a file, and how large the file is.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    pub bytes: &'a [u8],
    pub size: u64,
}

/// Of a deflated stream this much is inflated: random bytes fail within the first hundred.
const DEFLATED_BYTES_MAX: usize = 2_048;
const INFLATED_BYTES_MAX: usize = 8_192;
/// A name in a zip, bytes.
const NAME_BYTES_MAX: u16 = 4_096;
/// A zstd block, bytes.
const ZSTD_BLOCK_BYTES_MAX: u32 = 128 << 10;
/// The first box of a film or a picture lists what may read it, bytes.
const BRANDS_BYTES_MAX: u32 = 4_096;

impl<'a> Head<'a> {
    fn byte(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn from(self, at: usize) -> Option<&'a [u8]> {
        self.bytes.get(at..)
    }

    fn part<const LENGTH: usize>(self, at: usize) -> Option<[u8; LENGTH]> {
        self.from(at)?.first_chunk().copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.part(at).map(u16::from_le_bytes)
    }

    fn u16_be(self, at: usize) -> Option<u16> {
        self.part(at).map(u16::from_be_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.part(at).map(u32::from_le_bytes)
    }

    fn u32_be(self, at: usize) -> Option<u32> {
        self.part(at).map(u32::from_be_bytes)
    }

    fn has(self, part: &[u8]) -> bool {
        self.bytes.windows(part.len()).any(|found| found == part)
    }
}

fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (0x20..0x7f).contains(byte))
}

/// The beginning of a deflated stream (RFC 1951).
fn inflates(deflated: &[u8]) -> bool {
    let deflated = &deflated[..deflated.len().min(DEFLATED_BYTES_MAX)];
    let mut inflated = [0; INFLATED_BYTES_MAX];
    let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = DecompressorOxide::new();
    let (status, ..) = decompress(&mut state, deflated, &mut inflated, 0, flags);
    status != TINFLStatus::Failed
}

/// RFC 1952.
pub fn gzip(head: Head<'_>) -> Option<bool> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const TEXTS: [u8; 2] = [8, 16];
    let flags = head.byte(3)?;
    if head.byte(2)? != 8 || flags & 0xe0 != 0 {
        return Some(false);
    }
    let mut at = 10;
    if flags & EXTRA != 0 {
        at += 2 + usize::from(head.u16(at)?);
    }
    for _ in TEXTS.iter().filter(|&&text| flags & text != 0) {
        at += 1 + head.from(at)?.iter().position(|&byte| byte == 0)?;
    }
    if flags & CHECKSUM != 0 {
        at += 2;
    }
    head.from(at).map(inflates)
}

/// A local file header, PKWARE's APPNOTE 4.3.7.
pub fn zip(head: Head<'_>) -> Option<bool> {
    let (version, method, name) = (head.byte(4)?, head.u16(8)?, head.u16(26)?);
    let start = 30 + usize::from(name);
    let is_known =
        version <= 90 && matches!(method, 0..=20 | 93..=99) && (1..=NAME_BYTES_MAX).contains(&name);
    if !is_known || head.bytes.get(30..start)?.iter().any(|&byte| byte < 0x20) {
        return Some(false);
    }
    let data = head.from(start + usize::from(head.u16(28)?))?;
    Some(method != 8 || is_locked_zip(head) || inflates(data))
}

/// The end of a zip without files: 4.3.16.
pub fn empty_zip(head: Head<'_>) -> Option<bool> {
    Some(head.bytes.get(4..20)?.iter().all(|&byte| byte == 0))
}

/// Its first file is encrypted.
pub fn is_locked_zip(head: Head<'_>) -> bool {
    head.bytes.starts_with(b"PK\x03\x04") && head.byte(6).is_some_and(|flags| flags & 1 != 0)
}

/// Where a 7z archive tells what it holds.
pub fn index_of_7z(bytes: &[u8]) -> Option<u64> {
    let offset = bytes.strip_prefix(b"7z\xbc\xaf\x27\x1c")?.get(6..14)?;
    u64::from_le_bytes(offset.try_into().ok()?).checked_add(32)
}

/// `index`: what a 7z archive tells of what it holds, or the beginning of that. It is plain where one file is in it.
pub fn is_locked_7z(index: &[u8]) -> bool {
    index.windows(AES_OF_7Z.len()).any(|part| part == AES_OF_7Z)
}

/// 7zFormat.txt: the start header and its checksum.
pub fn seven_zip(head: Head<'_>) -> Option<bool> {
    Some(crc32fast::hash(head.bytes.get(12..32)?) == head.u32(8)?)
}

/// The .xz file format, 2.1.1.
pub fn xz(head: Head<'_>) -> Option<bool> {
    Some(crc32fast::hash(head.bytes.get(6..8)?) == head.u32(8)?)
}

/// RFC 8878, 3.1.1: the frame's header and the chain of its blocks.
pub fn zstd(head: Head<'_>) -> Option<bool> {
    let descriptor = head.byte(4)?;
    if descriptor & 8 != 0 {
        return Some(false);
    }
    let single = descriptor & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = [usize::from(single), 2, 4, 8][usize::from(descriptor >> 6)];
    let mut at = 5 + usize::from(!single) + dictionary + content;
    let mut is_first = dictionary == 0;
    loop {
        let [low, middle, high] = head.part(at)?;
        let block = u32::from_le_bytes([low, middle, high, 0]);
        let (last, kind, size) = (block & 1 != 0, block >> 1 & 3, block >> 3);
        // A first block that takes its code of literals from the one before.
        let is_orphan = is_first && kind == 2 && head.byte(at + 3)? & 3 == 3;
        if kind == 3 || size > ZSTD_BLOCK_BYTES_MAX || is_orphan {
            return Some(false);
        }
        if last {
            return Some(true);
        }
        at += 3 + if kind == 1 { 1 } else { size as usize };
        is_first = false;
    }
}

pub fn bzip2(head: Head<'_>) -> Option<bool> {
    const BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
    const END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
    let block: [u8; 6] = head.part(4)?;
    Some((b'1'..=b'9').contains(&head.byte(3)?) && (block == BLOCK || block == END))
}

/// lz4_Frame_format.md: version, reserved bits, and the first block's size.
pub fn lz4(head: Head<'_>) -> Option<bool> {
    let (flags, block) = (head.byte(4)?, head.byte(5)?);
    let at = 7 + if flags & 8 != 0 { 8 } else { 0 } + if flags & 1 != 0 { 4 } else { 0 };
    let is_known = flags & 0xc2 == 0x40 && block & 0x8f == 0 && block >> 4 >= 4;
    Some(is_known && head.u32(at)? & 0x7fff_ffff <= 1 << (8 + 2 * (block >> 4)))
}

/// RAR 4: the main header's type. RAR 5: the first header's checksum, which is behind a size of at most three digits.
pub fn rar(head: Head<'_>) -> Option<bool> {
    match head.part(6)? {
        [0, _] => Some(head.byte(9)? == 0x73),
        [1, 0] => {
            let lengths: [u8; 3] = head.part(12)?;
            let digits = 1 + lengths.iter().position(|&digit| digit < 0x80).unwrap_or(2);
            let digit = |size, &digit: &u8| size << 7 | usize::from(digit & 0x7f);
            let size = lengths[..digits].iter().rev().fold(0, digit);
            let header = head.bytes.get(12..12 + digits + size)?;
            Some(crc32fast::hash(header) == head.u32(8)?)
        }
        _ => Some(false),
    }
}

/// The chain of segments, and what follows a 0xff in the compressed data: ITU T.81, annex B.
pub fn jpeg(head: Head<'_>) -> Option<bool> {
    let mut at = 2;
    loop {
        let marker = head.byte(at + 1)?;
        if head.byte(at)? != 0xff || at as u64 >= head.size {
            return Some(false);
        }
        match marker {
            0xff => at += 1,
            0xd9 => return Some(true),
            0xc0..=0xcf | 0xda..=0xdf | 0xe0..=0xef | 0xfe => {
                let length = head.u16_be(at + 2)?;
                let end = at + 2 + usize::from(length);
                if length < 2 || end as u64 > head.size {
                    return Some(false);
                }
                at = if marker == 0xda {
                    end_of_scan(head, end)?
                } else {
                    end
                };
            }
            _ => return Some(false),
        }
    }
}

/// Where the next marker stands.
fn end_of_scan(head: Head<'_>, start: usize) -> Option<usize> {
    let is_data = |byte: u8| matches!(byte, 0 | 0xd0..=0xd7);
    let pairs = head.from(start)?.windows(2);
    let marker = pairs
        .into_iter()
        .position(|pair| pair[0] == 0xff && !is_data(pair[1]))?;
    Some(start + marker)
}

/// Checksums of the chunks, and the beginning of the compressed picture: the PNG specification, 5.3.
pub fn png(head: Head<'_>) -> Option<bool> {
    let mut at = 8;
    loop {
        let (length, kind): (_, [u8; 4]) = (head.u32_be(at)? as usize, head.part(at + 4)?);
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Some(false);
        }
        if kind == *b"IDAT" {
            return Some(head.u16_be(at + 8)? % 31 == 0 && inflates(head.from(at + 10)?));
        }
        // Apple's, whose picture is compressed in another way.
        if matches!(&kind, b"CgBI" | b"IEND") {
            return Some(true);
        }
        let end = at + 8 + length;
        let checksum = head.u32_be(end)?;
        if crc32fast::hash(&head.bytes[at + 4..end]) != checksum {
            return Some(false);
        }
        at = end + 4;
    }
}

/// GIF89a, 18: what follows the colours is a block.
pub fn gif(head: Head<'_>) -> Option<bool> {
    let flags = head.byte(10)?;
    let colours = if flags & 0x80 == 0 { 0 } else { 6 << (flags & 7) };
    let version: [u8; 2] = head.part(4)?;
    Some(matches!(&version, b"7a" | b"9a") && matches!(head.byte(13 + colours)?, 0x21 | 0x2c | 0x3b))
}

/// RFC 3533: the first page, and that another follows.
pub fn ogg(head: Head<'_>) -> Option<bool> {
    if head.byte(4)? != 0 || head.byte(5)? > 7 {
        return Some(false);
    }
    let segments = 27 + usize::from(head.byte(26)?);
    let body: usize = head
        .bytes
        .get(27..segments)?
        .iter()
        .map(|&length| usize::from(length))
        .sum();
    let next: [u8; 4] = head.part(segments + body)?;
    Some(next == *b"OggS")
}

/// ID3v2: version, reserved flags, a size of seven-bit digits, and a frame's name or padding.
pub fn id3(head: Head<'_>) -> Option<bool> {
    let size: [u8; 4] = head.part(6)?;
    let frame: [u8; 3] = head.part(10)?;
    let is_name = frame == [0; 3]
        || frame
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let has_more = head.byte(5)? & 0x40 != 0;
    Some((2..=4).contains(&head.byte(3)?) && size.iter().all(|&digit| digit < 0x80) && (is_name || has_more))
}

/// RFC 9639, 8.1: the first block is the stream's information.
pub fn flac(head: Head<'_>) -> Option<bool> {
    Some(head.u32_be(4)? & 0x7fff_ffff == 34)
}

/// RFC 8794: the kind of document is named early.
pub fn ebml(head: Head<'_>) -> Option<bool> {
    let start = Head {
        bytes: head.bytes.get(..64)?,
        ..head
    };
    Some(start.has(b"webm") || start.has(b"matroska"))
}

/// The form's name and the first chunk's.
pub fn riff(head: Head<'_>) -> Option<bool> {
    Some(is_printable(head.bytes.get(8..16)?))
}

/// TIFF 6.0, 2: the first directory lies in the file, and begins with a known type of field.
pub fn tiff(head: Head<'_>) -> Option<bool> {
    let little = head.byte(0)? == b'I';
    let u16_at = |at| if little { head.u16(at) } else { head.u16_be(at) };
    let directory = if little { head.u32(4)? } else { head.u32_be(4)? };
    if directory < 8 || u64::from(directory) >= head.size {
        return Some(false);
    }
    let at = directory as usize;
    Some(u16_at(at)? > 0 && matches!(u16_at(at + 4)?, 1..=18))
}

/// ISO 14496-12, 4.3: the first box lists brands, the next one has a name.
pub fn film(head: Head<'_>) -> Option<bool> {
    let length = head.u32_be(0)?;
    let brand: [u8; 4] = head.part(8)?;
    if !(8..=BRANDS_BYTES_MAX).contains(&length) || !is_printable(&brand) {
        return Some(false);
    }
    let next: [u8; 4] = head.part(length as usize + 4)?;
    Some(is_printable(&next))
}

/// The version, and that there is an object.
pub fn pdf(head: Head<'_>) -> Option<bool> {
    let [major, dot, minor] = head.part(5)?;
    Some(major.is_ascii_digit() && dot == b'.' && minor.is_ascii_digit() && head.has(b"obj"))
}

/// The header of a compound file, [MS-CFB] 2.2.
pub fn compound(head: Head<'_>) -> Option<bool> {
    Some(head.u16(28)? == 0xfffe && matches!(head.u16(30)?, 9 | 12) && head.u16(32)? == 6)
}

/// <https://sqlite.org/fileformat.html>, 1.3.
pub fn sqlite(head: Head<'_>) -> Option<bool> {
    let page = head.u16_be(16)?;
    let fractions: [u8; 3] = head.part(21)?;
    let versions: [u8; 2] = head.part(18)?;
    let is_known = versions.iter().all(|version| matches!(version, 1 | 2));
    Some((page == 1 || page.is_power_of_two()) && is_known && fractions == [64, 32, 32])
}

pub fn elf(head: Head<'_>) -> Option<bool> {
    let [class, order, version] = head.part(4)?;
    Some(matches!(class, 1 | 2) && matches!(order, 1 | 2) && version == 1)
}

/// The end of the first file's header.
pub fn ar(head: Head<'_>) -> Option<bool> {
    let end: [u8; 2] = head.part(66)?;
    Some(end == *b"`\n")
}

/// A class of Java's, or several programs of macOS.
pub fn class(head: Head<'_>) -> Option<bool> {
    Some(matches!(head.u16_be(4)?, 0..=3 | 0xffff) && (1..=100).contains(&head.u16_be(6)?))
}

pub fn wasm(head: Head<'_>) -> Option<bool> {
    let [version, zero, layer, end] = head.part(4)?;
    Some(version < 32 && zero == 0 && layer < 2 && end == 0)
}

/// POSIX's ustar: the header's sum, its own field taken as spaces.
pub fn tar(head: Head<'_>) -> Option<bool> {
    let header = head.bytes.get(..512)?;
    let written = std::str::from_utf8(&header[148..156]).ok();
    let digits = written.map(|field| field.trim_matches(['\0', ' ']));
    let told = digits.and_then(|digits| u32::from_str_radix(digits, 8).ok());
    let own: u32 = header[148..156].iter().map(|&byte| u32::from(byte)).sum();
    let all: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    Some(told == Some(all - own + 8 * 32))
}
