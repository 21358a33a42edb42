//! What people keep in a directory: texts, tables, notes, documents, pictures, archives; made anew for each tool.
use std::fs;
use std::path::PathBuf;

const FOLDERS: [&str; 8] = [
    "accounts",
    "accounts/2025",
    "contracts",
    "letters",
    "pictures",
    "reports",
    "reports/old",
    "source",
];
const FILES: u64 = 320;

pub struct Files {
    pub path: PathBuf,
}

impl Files {
    /// Not where temporary files are: those may lie in memory, which is not protected.
    #[allow(dead_code, reason = "not every test program has one for all")]
    pub fn home() -> Self {
        let path = PathBuf::from(format!("/var/tmp/norn-ordinary-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// A directory of its own with `docs` in it, and beside it one for the tool's own settings.
    pub fn corpus(&self, name: &str) -> PathBuf {
        let dir = self.path.join(name.replace(' ', "-"));
        fs::create_dir_all(dir.with_extension("home")).unwrap();
        fs::create_dir_all(dir.with_extension("tools")).unwrap();
        for folder in FOLDERS {
            fs::create_dir_all(dir.join("docs").join(folder)).unwrap();
        }
        for number in 0..FILES {
            let folder = FOLDERS[number as usize % FOLDERS.len()];
            let (extension, content) = content(number);
            let file = dir
                .join("docs")
                .join(folder)
                .join(format!("{number:03}.{extension}"));
            fs::write(file, content).unwrap();
        }
        dir
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.path);
    }
}

fn content(number: u64) -> (&'static str, Vec<u8>) {
    let lines = 40 + number * 7 % 200;
    let table = |separator: &str| -> Vec<u8> {
        (0..lines)
            .map(|line| {
                format!(
                    "{line}{separator}invoice {}{separator}{}\n",
                    number * line,
                    line * 31 % 977
                )
            })
            .collect::<String>()
            .into_bytes()
    };
    match number / 8 % 8 {
        0 => (
            "txt",
            "The invoice for the north is overdue since June.\n"
                .repeat(lines as usize)
                .into_bytes(),
        ),
        1 => ("csv", table(";")),
        2 => ("md", [b"# Report\n\n".to_vec(), table(" | ")].concat()),
        3 => (
            "json",
            format!(
                "[{}]",
                (0..lines)
                    .map(|line| format!("{{\"id\":{line}}}"))
                    .collect::<Vec<_>>()
                    .join(",")
            )
            .into_bytes(),
        ),
        4 => (
            "pdf",
            [b"%PDF-1.7\n".to_vec(), noise(number, 4_000 + lines as usize * 50)].concat(),
        ),
        5 => (
            "png",
            [b"\x89PNG\r\n\x1a\n".to_vec(), noise(number, 9_000)].concat(),
        ),
        6 => ("log", table(" ")),
        _ => (
            "c",
            format!("int f{number}(int a) {{ return a * {number}; }}\n")
                .repeat(lines as usize / 4)
                .into_bytes(),
        ),
    }
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}
