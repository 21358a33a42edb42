//! Turns records into events: keeps the process table in step with them and knows whose each one is.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use norn_events::{
    AgentTouch, Credentials, Event, EventKind, Image, Process, ProcessIndex, ProcessUid, process_uid,
};
use norn_programs::script::is_influenced;

use super::origin::script_of;
use super::{Observers, Tracker, attempt};
use crate::figures::Figures;
use crate::hash::{FileVersion, Source};
use crate::record::{Header, KIND_CGROUP, LifecycleFacts, MARK_KERNEL_THREAD, Record, Slot};
use crate::stream::Gap;
use crate::text::{join_arguments, socket_text, socket_value};
use crate::{environment, procfs};

impl Tracker {
    /// By less a time is not set back.
    const SET_BACK_US: u64 = 3_600_000_000;

    /// Takes one record in and hands its event, if it is one, to the observers; whether it was one.
    pub fn handle(&mut self, record: &Record<'_>, observers: Observers<'_, '_>) -> bool {
        let header = &record.header;
        if header.kind == KIND_CGROUP {
            self.learn_cgroup(record);
            return false;
        }
        let Some(kind) = record.kind() else { return false };
        if kind == EventKind::FileTimes && !self.is_set_back(header) {
            return false;
        }
        let mut figures = Figures {
            kind,
            flags: header.flags,
            value: header.value,
            result: header.result,
        };
        let process = match kind {
            EventKind::Fork => self.fork(record),
            EventKind::Exec if header.result == 0 => self.exec(record, &mut figures),
            _ => self.process_of(header),
        };
        self.write_texts(record, &mut figures, process);
        // The kernel side does not know whether the file is a sensitive one.
        if kind == EventKind::FileRead && figures.value == 0 {
            figures.value = attempt::judge(&mut self.path, header.tgid);
            if figures.value == 0 {
                return false;
            }
        }
        if kind == EventKind::Exit {
            self.processes.end(process, header.time_ns);
        }
        if Event::needs_origin(kind, figures.value)
            || (kind == EventKind::Exec && self.is_below_script(process))
        {
            self.ask_origin(process, header.time_ns);
        }
        let event = Event {
            kind,
            time_ns: header.time_ns,
            process,
            flags: figures.flags,
            value: figures.value,
            result: figures.result,
            path: &self.path,
            target: &self.target,
        };
        self.report(&event, observers);
        true
    }

    /// Archives give each file its time; only what makes a file look older than it can be is told.
    fn is_set_back(&self, header: &Header) -> bool {
        let now_us = header.time_ns.saturating_add_signed(self.wall_offset_ns) / 1_000;
        header.value.saturating_add(Self::SET_BACK_US) < now_us
    }

    fn write_texts(&mut self, record: &Record<'_>, figures: &mut Figures, process: ProcessIndex) {
        let kind = figures.kind;
        self.path.clear();
        self.target.clear();
        match kind {
            EventKind::Fork | EventKind::Exit | EventKind::Setns | EventKind::Unshare => {}
            EventKind::AgentTouched => self.name_touched(record, figures, process),
            EventKind::Exec if record.header.result == 0 => self.copy_image_path(process),
            EventKind::NetConnect | EventKind::NetAccept | EventKind::NetListen | EventKind::StdioSocket => {
                let socket = record.socket();
                socket_text(
                    &mut self.path,
                    &socket,
                    record.slot(Slot::Name),
                    kind == EventKind::NetListen,
                );
                figures.value = socket_value(&socket, kind);
                if kind != EventKind::StdioSocket {
                    figures.flags = u32::from(socket.family) << 16 | u32::from(socket.protocol);
                }
            }
            EventKind::MemfdCreate | EventKind::Bpf => self.path.extend_from_slice(record.slot(Slot::Name)),
            EventKind::Ptrace | EventKind::ProcessWrite => {
                figures.value = self.host_pid(process, figures.value as u32).into()
            }
            // A module out of memory has no file.
            EventKind::ModuleLoad if record.slot(Slot::Base).is_empty() => {}
            _ => self.write_paths(kind, record),
        }
    }

    /// The agent's process as the host counts it.
    fn name_touched(&mut self, record: &Record<'_>, figures: &mut Figures, process: ProcessIndex) {
        let (tgid, descriptor) = (record.header.tgid, figures.result);
        match AgentTouch::try_from(figures.flags as i32) {
            Ok(AgentTouch::Limits | AgentTouch::Processors | AgentTouch::Scheduling) => {
                figures.value = self.host_pid(process, figures.value as u32).into()
            }
            Ok(AgentTouch::Handle) => {
                let pid = self.host_pid(process, figures.value as u32);
                self.handles.took(tgid, descriptor, pid);
                figures.value = pid.into();
            }
            Ok(AgentTouch::Descriptor | AgentTouch::DescriptorKilled) => {
                let pid = procfs::read_pidfd(tgid, descriptor).or_else(|| self.handles.of(tgid, descriptor));
                figures.value = pid.map_or(0, u64::from);
            }
            _ => {}
        }
    }

    fn write_paths(&mut self, kind: EventKind, record: &Record<'_>) {
        record.path_into(&mut self.path);
        let target = record.slot(Slot::TargetName);
        if target.is_empty() {
            return;
        }
        // The text of a symbolic link and the source of a mount(2) are as they were given.
        let symbolic = kind == EventKind::FileLink && record.header.flags == 1;
        let is_plain = symbolic || (kind == EventKind::Mount && record.slot(Slot::TargetBase).is_empty());
        if is_plain {
            self.target.extend_from_slice(target);
        } else {
            record.target_into(&mut self.target);
        }
    }

    fn copy_image_path(&mut self, process: ProcessIndex) {
        if let Some(process) = self.processes.get(process) {
            self.path.extend_from_slice(&process.image.path);
        }
    }

    fn learn_cgroup(&mut self, record: &Record<'_>) {
        let header = &record.header;
        if header.flags == 0 {
            let made = (header.time_ns, self.uid(header.tgid, header.start_time_ns));
            self.containers.made(header.value, record.slot(Slot::Name), made);
        } else {
            self.containers.removed(header.value, header.time_ns);
        }
    }

    fn uid(&self, tgid: u32, start_time_ns: u64) -> ProcessUid {
        process_uid(&self.boot_id, tgid, start_time_ns)
    }

    /// The process of a record, with its cgroup and user as the record has them.
    fn process_of(&mut self, header: &Header) -> ProcessIndex {
        let running = self.processes.by_pid(header.tgid).filter(|&index| {
            self.processes
                .get(index)
                .is_some_and(|process| process.start_time_ns == header.start_time_ns)
        });
        let index = running
            .or_else(|| self.processes.by_uid(self.uid(header.tgid, header.start_time_ns)))
            .unwrap_or_else(|| self.adopt(header));
        self.refresh(index, header);
        index
    }

    fn refresh(&mut self, index: ProcessIndex, header: &Header) {
        let Some(process) = self.processes.get_mut(index) else {
            return;
        };
        process.user_id = header.user_id;
        process.group_id = header.group_id;
        if process.cgroup_id != header.cgroup_id {
            process.cgroup_id = header.cgroup_id;
            process.container = self.containers.of(header.cgroup_id, (header.tgid, process.uid));
        }
    }

    fn fork(&mut self, record: &Record<'_>) -> ProcessIndex {
        let (header, facts) = (&record.header, record.lifecycle());
        let parent_uid = self.uid(facts.parent_tgid, facts.parent_start_time_ns);
        let image = self
            .processes
            .by_uid(parent_uid)
            .and_then(|parent| self.processes.get(parent))
            .map(|parent| Arc::clone(&parent.image));
        let image = image.unwrap_or_else(|| Arc::new(procfs::read_image(facts.parent_tgid)));
        let mut process = self.new_process(header, &facts, image);
        self.inherit_login(parent_uid, &mut process.credentials);
        let is_unread = process.image.sha256.is_none();
        let index = self.processes.insert(process);
        if is_unread && let Some(parent) = self.processes.by_uid(parent_uid) {
            self.await_with_parent(parent, index);
        }
        self.refresh(index, header);
        index
    }

    fn new_process(&mut self, header: &Header, facts: &LifecycleFacts, image: Arc<Image>) -> Process {
        let parent_uid = match facts.parent_tgid {
            0 => ProcessUid::UNKNOWN,
            parent => self.uid(parent, facts.parent_start_time_ns),
        };
        let uid = self.uid(header.tgid, header.start_time_ns);
        Process {
            uid,
            parent_uid,
            pid: header.tgid,
            namespace_pid: facts.namespace_pid,
            parent_pid: facts.parent_tgid,
            start_time_ns: header.start_time_ns,
            end_time_ns: None,
            image_number: 0,
            image,
            container: self.containers.of(header.cgroup_id, (header.tgid, uid)),
            cgroup_id: header.cgroup_id,
            user_id: header.user_id,
            group_id: header.group_id,
            credentials: facts.credentials(),
        }
    }

    /// Who was logged in at the lineage's last exec, until the next exec says who is: so it is seen there when the login user
    /// was written over, by the process itself or by the one that created it.
    fn inherit_login(&self, parent: ProcessUid, child: &mut Credentials) {
        let parent = self
            .processes
            .by_uid(parent)
            .and_then(|index| self.processes.get(index));
        if let Some(parent) = parent.filter(|parent| parent.credentials.login_user_id != Credentials::NOBODY)
        {
            child.login_user_id = parent.credentials.login_user_id;
        }
    }

    fn exec(&mut self, record: &Record<'_>, figures: &mut Figures) -> ProcessIndex {
        let (header, facts) = (&record.header, record.lifecycle());
        let uid = self.uid(header.tgid, header.start_time_ns);
        let mut image = self.image_of(record, &facts);
        if image.path == b"/" {
            image.path = self.path_before(uid);
        }
        let image = Arc::new(image);
        let index = match self.processes.by_uid(uid) {
            Some(index) => index,
            None => {
                let process = self.new_process(header, &facts, Arc::clone(&image));
                self.processes.insert(process)
            }
        };
        self.refresh(index, header);
        if let Some(process) = self.processes.get_mut(index) {
            process.image_number += 1;
            process.image = Arc::clone(&image);
            let before = std::mem::replace(&mut process.credentials, facts.credentials());
            figures.tell_change(&before, &process.credentials);
        }
        self.want_hash(index, &image, &facts);
        index
    }

    /// A container runtime runs itself again from a sealed copy, whose mount is nowhere in the tree: it keeps its name.
    fn path_before(&self, uid: ProcessUid) -> Vec<u8> {
        let known = self
            .processes
            .by_uid(uid)
            .and_then(|index| self.processes.get(index));
        known.map_or_else(|| b"/".to_vec(), |process| process.image.path.clone())
    }

    fn image_of(&mut self, record: &Record<'_>, facts: &LifecycleFacts) -> Image {
        let mut image = Image {
            flags: facts.image_flags,
            device: u64::from(facts.device),
            inode: facts.inode,
            ..Image::default()
        };
        record.base_into(&mut image.path);
        record.target_into(&mut image.working_directory);
        join_arguments(&mut image.command_line, record.slot(Slot::Name));
        environment::choose(&mut image.environment, record.slot(Slot::Environment));
        let header = &record.header;
        let pids = [header.tgid, facts.parent_tgid];
        image.script = script_of(&image.path, record.slot(Slot::Name), pids);
        image.is_influenced = is_influenced(record.slot(Slot::Environment));
        let container_start = self
            .containers
            .start_time_ns(header.cgroup_id, header.start_time_ns);
        let since_ns = container_start
            .unwrap_or(self.started_ns)
            .saturating_add_signed(self.wall_offset_ns);
        if facts.inode != 0 && facts.ctime_ns > since_ns {
            image.flags |= norn_events::ImageFlag::New as u32;
        }
        image
    }

    fn want_hash(&mut self, index: ProcessIndex, image: &Arc<Image>, facts: &LifecycleFacts) {
        let (Some(hasher), Some(process)) = (self.hasher.as_mut(), self.processes.get_mut(index)) else {
            return;
        };
        let source = Source {
            pid: process.pid,
            parent_pid: process.parent_pid,
            path: PathBuf::from(OsStr::from_bytes(&image.path)),
            is_of_host: process.container.is_none(),
            is_fresh: process.image_number > 0,
        };
        match hasher.content_of(facts, source) {
            Some(content) => {
                let mut described = Image::clone(image);
                content.describe(&mut described);
                process.image = Arc::new(described);
            }
            None if hasher.is_asked(facts) => {
                let waiters = self.hash_waiters.entry(FileVersion::from(facts)).or_default();
                if waiters.len() < Self::HASH_WAITERS_MAX {
                    waiters.push(index);
                }
            }
            None => {}
        }
    }

    /// A process nobody told us of: what its own record and /proc know.
    fn adopt(&mut self, header: &Header) -> ProcessIndex {
        let status = procfs::read_status(header.tgid).unwrap_or_default();
        let parent = self
            .processes
            .by_pid(status.parent_pid)
            .and_then(|index| self.processes.get(index));
        let facts = LifecycleFacts {
            parent_tgid: status.parent_pid,
            parent_start_time_ns: parent.map_or(0, |parent| parent.start_time_ns),
            namespace_pid: status.namespace_pid,
            ..LifecycleFacts::default()
        };
        let known_parent = parent.is_some();
        let mut process = self.new_process(header, &facts, Arc::new(procfs::read_image(header.tgid)));
        process.credentials = procfs::read_credentials(header.tgid);
        if !known_parent {
            process.parent_uid = ProcessUid::UNKNOWN;
        }
        self.processes.insert(process)
    }

    /// A process the kernel's iterator found. The index, and whether it (or its image) was news.
    pub fn see(&mut self, record: &Record<'_>) -> (ProcessIndex, bool) {
        let (header, facts) = (&record.header, record.lifecycle());
        let uid = self.uid(header.tgid, header.start_time_ns);
        if let Some(index) = self.processes.by_uid(uid)
            && let Some(process) = self.processes.get(index)
            && (process.image.inode == facts.inode || process.end_time_ns.is_some())
        {
            return (index, false);
        }
        let mut image = self.image_of(record, &facts);
        image.command_line = if header.marks & MARK_KERNEL_THREAD == 0 {
            image.environment = procfs::read_environment(header.tgid);
            procfs::read_command_line(header.tgid)
        } else {
            [b"[", record.slot(Slot::Name), b"]"].concat()
        };
        if facts.inode == 0 {
            image.path.clear();
            image.working_directory.clear();
        }
        let image = Arc::new(image);
        let mut process = self.new_process(header, &facts, Arc::clone(&image));
        let known = self.processes.by_uid(uid);
        process.image_number = known
            .and_then(|index| self.processes.get(index))
            .map_or(0, |old| old.image_number + 1);
        let index = known.unwrap_or_else(|| self.processes.insert(process.clone()));
        if let Some(old) = self.processes.get_mut(index) {
            old.image = Arc::clone(&image);
            old.image_number = process.image_number;
            old.credentials = process.credentials;
        }
        self.want_hash(index, &image, &facts);
        (index, true)
    }

    /// Tells the observers that a process was found running.
    pub fn report_seen(&mut self, process: ProcessIndex, time_ns: u64, observers: Observers<'_, '_>) {
        self.path.clear();
        self.copy_image_path(process);
        self.report(
            &Event {
                path: &self.path,
                ..found(EventKind::ProcessSeen, process, time_ns)
            },
            observers,
        );
    }

    /// The end of a process that nobody saw: it is no longer among those that run.
    pub fn report_vanished(&mut self, process: ProcessIndex, time_ns: u64, observers: Observers<'_, '_>) {
        const END_NOT_SEEN: u32 = 1;
        self.processes.end(process, time_ns);
        self.report(
            &Event {
                flags: END_NOT_SEEN,
                ..found(EventKind::Exit, process, time_ns)
            },
            observers,
        );
    }

    fn report(&self, event: &Event<'_>, observers: Observers<'_, '_>) {
        for observer in observers {
            observer.observe(event, &self.processes);
        }
    }

    /// A loss, in the name of the agent.
    pub fn report_gap(&mut self, gap: &Gap, observers: Observers<'_, '_>) {
        let agent = std::process::id();
        let Some(process) = self.processes.by_pid(agent) else {
            return;
        };
        let event = Event {
            flags: gap.ring,
            value: gap.lost,
            result: i32::try_from((gap.end_ns - gap.start_ns) / 1_000_000).unwrap_or(i32::MAX),
            ..found(EventKind::Gap, process, gap.end_ns)
        };
        self.report(&event, observers);
    }

    /// The host pid of whom `caller` calls `pid`.
    fn host_pid(&self, caller: ProcessIndex, pid: u32) -> u32 {
        let Some(caller) = self.processes.get(caller) else {
            return pid;
        };
        if pid == 0 || caller.namespace_pid == caller.pid {
            return pid;
        }
        self.processes
            .iter()
            .map(|(_, process)| process)
            .find(|process| {
                process.end_time_ns.is_none()
                    && process.namespace_pid == pid
                    && process.container == caller.container
            })
            .map_or(pid, |process| process.pid)
    }
}

/// An event the sensor makes itself.
fn found(kind: EventKind, process: ProcessIndex, time_ns: u64) -> Event<'static> {
    Event {
        kind,
        time_ns,
        process,
        flags: 0,
        value: 0,
        result: 0,
        path: b"",
        target: b"",
    }
}
