//! A root with packages, for tests.
use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::checksum::{Algorithm, Checksum};

pub struct Root(pub PathBuf);

impl Drop for Root {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

pub fn root_with(name: &str, files: &[(&str, &[u8])]) -> Root {
    let root = Root(std::env::temp_dir().join(format!("norn-packages-{}-{name}", std::process::id())));
    for (path, content) in files {
        let file = root.0.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    root
}

pub fn sha256_of(content: &[u8]) -> Checksum {
    Checksum::of_digest(Algorithm::Sha256, &Sha256::digest(content)).unwrap()
}

pub fn root_with_gzip(name: &str) -> Root {
    let root = std::env::temp_dir().join(format!("norn-packages-{}-{name}", std::process::id()));
    let info = root.join("var/lib/dpkg/info");
    fs::create_dir_all(&info).unwrap();
    let sum = "ab".repeat(16);
    fs::write(info.join("gzip.md5sums"), format!("{sum}  bin/gzip\n")).unwrap();
    fs::write(
        info.join("zlib1g:amd64.md5sums"),
        format!("{sum}  usr/lib/libz.so.1\n"),
    )
    .unwrap();
    let status = "Package: gzip\nArchitecture: amd64\nVersion: 1.12-1\n\nPackage: zlib1g\nArchitecture: amd64\nVersion: 1:1.2.13\n";
    fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
    Root(root)
}
