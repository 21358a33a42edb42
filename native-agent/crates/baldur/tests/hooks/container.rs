//! The worker as the first process of a container: by its own libc, with its own pids and names of files.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::worker::{Worker, program};

pub struct Container {
    name: String,
    image: String,
    pub worker: Option<Worker>,
}

impl Container {
    pub fn start(home: &Path) -> Self {
        let root = home.join("root");
        std::fs::create_dir_all(root.join("srv")).unwrap();
        let program = program(home, &[]);
        for file in libraries(&program).iter().chain([&program]) {
            let below = if *file == program {
                Path::new("worker")
            } else {
                file.strip_prefix("/").unwrap()
            };
            std::fs::create_dir_all(root.join(below).parent().unwrap()).unwrap();
            std::fs::copy(file, root.join(below)).unwrap();
        }
        let name = format!("norn-hooks-{}", std::process::id());
        let image = format!("{name}:latest");
        let made = Command::new("sh")
            .args([
                "-c",
                &format!("tar -C {} -c . | docker import - {image}", root.display()),
            ])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "docker is installed and runs");
        let run = [
            "run",
            "-i",
            "--rm",
            "--network",
            "none",
            "--name",
            &name,
            &image,
            "/worker",
        ];
        let mut worker = Worker::start_by(Command::new("docker").args(run));
        assert_eq!(worker.tell("pid"), 1, "it is the first of its own");
        Self {
            name,
            image,
            worker: Some(worker),
        }
    }

    /// A file that another process of the container makes.
    pub fn make(&self, file: &str) {
        let run = ["exec", "-i", &self.name, "/worker"];
        let mut other = Worker::start_by(Command::new("docker").args(run));
        assert_eq!(other.tell(&format!("make {file}")), 3 << 20);
    }

    /// The worker's, on the host.
    pub fn pid(&self) -> u32 {
        let found = Command::new("docker")
            .args(["inspect", "-f", "{{.State.Pid}}", &self.name])
            .output()
            .unwrap();
        String::from_utf8_lossy(&found.stdout).trim().parse().unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        for what in [["rm", "-f", &self.name], ["rmi", "-f", &self.image]] {
            let _gone = Command::new("docker").args(what).output();
        }
    }
}

/// What the loader brings in, by its path.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let paths = text.split_ascii_whitespace().filter(|word| word.starts_with('/'));
    paths.map(PathBuf::from).collect()
}
