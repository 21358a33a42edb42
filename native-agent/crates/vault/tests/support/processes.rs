//! Processes of a scene: each does something, and the vault is told what the sensor would tell of it.
use std::fs;
use std::io::{Read, Write};

use norn_events::{Event, EventKind, Observer, Process, ProcessIndex, ProcessUid};

use super::actor::{Actor, Told};
use super::child::{eventually, fork};
use super::{CONTAINER, Place, Scene, boot_ns};

impl Scene {
    /// Runs `work` in a process of its own and tells the vault what the sensor would; returns the process.
    pub fn attack(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        self.process_below(self.init, work)
    }

    /// The same, by a process that is not part of any attack.
    pub fn outsider(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        self.process_below(self.init, work)
    }

    pub fn process_below(&mut self, parent: ProcessUid, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        let (uid, index) = self.run(parent, work);
        self.vault.as_ref().inspect(|vault| vault.settle());
        self.end(index);
        uid
    }

    /// `open` runs in a process that ends, `work` later in its child, which has all that `open` made; returns the child.
    pub fn orphan<T>(&mut self, open: impl FnOnce() -> T, work: impl FnOnce(T)) -> ProcessUid {
        let [pid, go, done] = ["orphan-pid", "orphan-go", "orphan-done"].map(|name| self.home.join(name));
        let start = boot_ns();
        let parent = fork(|| {
            let made = open();
            let child = fork(|| {
                assert!(eventually(|| go.exists()), "nobody lets the child go on");
                work(made);
                fs::write(&done, "").unwrap();
            });
            fs::write(&pid, child.0.to_string()).unwrap();
        });
        let parent_index = self.begin(self.init, (parent.0 as u32, start));
        let parent_uid = self.table.get(parent_index).unwrap().uid;
        assert!(parent.ended_well(), "the parent failed");
        let child: u32 = fs::read_to_string(&pid).unwrap().parse().unwrap();
        let index = self.begin(parent_uid, (child, boot_ns()));
        self.end(parent_index);
        std::thread::sleep(std::time::Duration::from_millis(300));
        fs::write(&go, "").unwrap();
        assert!(eventually(|| done.exists()), "the child failed");
        self.settle();
        self.end(index);
        self.table.get(index).unwrap().uid
    }

    /// One process in two halves: what the first did is told, and what comes of it has reached the journal, before the second
    /// begins.
    pub fn attack_in_two<T>(
        &mut self,
        first: impl FnOnce(&mut Actor) -> T,
        second: impl FnOnce(&mut Actor, T),
    ) -> ProcessUid {
        let report = self.home.join(format!("report-{}", boot_ns()));
        let mut outside = fs::File::create(&report).unwrap();
        let (mut half, mut halfway) = std::io::pipe().unwrap();
        let (mut wait, mut go) = std::io::pipe().unwrap();
        let start = boot_ns();
        let child = fork(|| {
            let mut actor = Actor::default();
            self.container.as_ref().inspect(|container| container.enter());
            let made = first(&mut actor);
            outside.write_all(&actor.told).unwrap();
            halfway.write_all(b"1").unwrap();
            wait.read_exact(&mut [0]).unwrap();
            second(&mut Actor::default(), made);
        });
        drop(halfway);
        let index = self.begin(self.init, (child.0 as u32, start));
        half.read_exact(&mut [0]).expect("the first half failed");
        self.tell_all(index, &fs::read(&report).unwrap());
        self.settle();
        go.write_all(b"2").unwrap();
        assert!(child.ended_well(), "the second half failed");
        self.settle();
        self.end(index);
        self.table.get(index).unwrap().uid
    }

    /// For a vault that is kept busy longer than a test should wait.
    pub fn attack_without_settling(&mut self, work: impl FnOnce(&mut Actor)) -> ProcessUid {
        let (uid, index) = self.run(self.init, work);
        self.end(index);
        uid
    }

    /// A process that was there before the vault is told to it, and ends with `work`.
    pub fn adopt(&mut self, (pid, start): (u32, u64), work: impl FnOnce(&Self)) -> ProcessUid {
        let index = self.begin(self.init, (pid, start));
        let uid = self.table.get(index).unwrap().uid;
        work(self);
        self.end(index);
        uid
    }

    fn end(&mut self, index: ProcessIndex) {
        let end = boot_ns();
        // As the sensor does: who is told of the end sees it in the table.
        self.table.end(index, end);
        self.tell(index, (EventKind::Exit, end), (b"", b"", 0));
    }

    fn run(&mut self, parent: ProcessUid, work: impl FnOnce(&mut Actor)) -> (ProcessUid, ProcessIndex) {
        let report = self.home.join(format!("report-{}", boot_ns()));
        let mut outside = fs::File::create(&report).unwrap();
        let start = boot_ns();
        let child = fork(|| {
            let mut actor = Actor::default();
            if let Some(container) = &self.container {
                container.enter();
            }
            work(&mut actor);
            outside.write_all(&actor.told).unwrap();
        });
        let index = self.begin(parent, (child.0 as u32, start));
        let uid = self.table.get(index).unwrap().uid;
        assert!(child.ended_well(), "the other process failed");
        let told = fs::read(&report).unwrap();
        fs::remove_file(&report).unwrap();
        self.tell_all(index, &told);
        (uid, index)
    }

    fn tell_all(&mut self, process: ProcessIndex, told: &[u8]) {
        for event in Told::parse(told) {
            let names = (&event.path[..], &event.target[..], event.flags);
            self.tell(process, (event.kind, event.time), names);
        }
    }

    /// A process of the container, when there is one.
    pub(super) fn begin(&mut self, parent: ProcessUid, (pid, start): (u32, u64)) -> ProcessIndex {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..12].copy_from_slice(&pid.to_le_bytes());
        let container = (self.place == Place::Volume).then(|| CONTAINER.into());
        let index = self.table.insert(Process {
            start_time_ns: start,
            container,
            ..process(ProcessUid(bytes), parent, pid)
        });
        self.tell(index, (EventKind::Fork, start), (b"", b"", 0));
        index
    }

    pub(super) fn tell(
        &mut self,
        process: ProcessIndex,
        (kind, time_ns): (EventKind, u64),
        (path, target, flags): (&[u8], &[u8], u32),
    ) {
        let event = Event {
            kind,
            time_ns,
            process,
            flags,
            value: 0,
            result: 0,
            path,
            target,
        };
        if let Some(observer) = &mut self.observer {
            observer.observe(&event, &self.table);
            observer.catch_up(&self.table);
        }
    }
}

pub fn process(uid: ProcessUid, parent_uid: ProcessUid, pid: u32) -> Process {
    Process {
        uid,
        parent_uid,
        pid,
        namespace_pid: pid,
        parent_pid: 0,
        start_time_ns: 1,
        end_time_ns: None,
        image_number: 0,
        image: Default::default(),
        container: None,
        cgroup_id: 0,
        user_id: 0,
        group_id: 0,
        credentials: Default::default(),
    }
}
