//! Archives, and the office documents that are archives.
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderMethod};
use zip::write::SimpleFileOptions;

const TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/></Types>"#;
const IN_MEMORY: &str = "an archive in memory can always be written";

pub fn docx(text: &[u8]) -> Vec<u8> {
    let body = [
        br#"<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>"#.as_slice(),
        text,
        b"</w:t></w:r></w:p></w:body></w:document>",
    ]
    .concat();
    office(("word/document.xml", &body))
}

pub fn xlsx(rows: &[u8]) -> Vec<u8> {
    let mut sheet = br#"<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#.to_vec();
    for row in rows.split(|&byte| byte == b'\n') {
        sheet.extend_from_slice(b"<row><c t=\"inlineStr\"><is><t>");
        sheet.extend_from_slice(row);
        sheet.extend_from_slice(b"</t></is></c></row>");
    }
    sheet.extend_from_slice(b"</sheetData></worksheet>");
    office(("xl/worksheets/sheet1.xml", &sheet))
}

fn office((name, part): (&str, &[u8])) -> Vec<u8> {
    let kind = name.split('/').next().unwrap_or_default();
    let relations = format!(
        r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="{kind}/{}"/></Relationships>"#,
        name.rsplit('/').next().unwrap_or_default(),
    );
    zip(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", relations.as_bytes()),
        (name, part),
    ])
}

pub fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_level(Some(1));
    for (name, part) in parts {
        archive.start_file(*name, options).expect(IN_MEMORY);
        archive.write_all(part).expect(IN_MEMORY);
    }
    archive.finish().expect(IN_MEMORY).into_inner()
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).expect(IN_MEMORY);
    encoder.finish().expect(IN_MEMORY)
}

/// Stored, not compressed: an encoder takes 10 ms to begin, and a corpus may hold thousands.
pub fn seven_zip(content: &[u8]) -> Vec<u8> {
    let mut archive = ArchiveWriter::new(Cursor::new(Vec::new())).expect(IN_MEMORY);
    archive.set_content_methods(vec![EncoderMethod::COPY.into()]);
    archive
        .push_archive_entry(ArchiveEntry::new_file("backup.txt"), Some(content))
        .expect(IN_MEMORY);
    archive.finish().expect(IN_MEMORY).into_inner()
}
