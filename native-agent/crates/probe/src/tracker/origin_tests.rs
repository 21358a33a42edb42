use std::sync::Arc;

use norn_events::{Image, ImageFlag, Package, Process, ProcessIndex, ProcessUid};

use crate::hash::FileVersion;
use crate::record::LifecycleFacts;
use crate::tracker::Tracker;

use super::Origins;

const PACKAGED: u32 = ImageFlag::Packaged as u32;
const INSTALLATION: u32 = ImageFlag::Installation as u32;
const POSTINST: &str = "/var/lib/dpkg/info/tool.postinst";

struct Host {
    tracker: Tracker,
    last: u8,
}

impl Host {
    fn new() -> Self {
        let tracker = Tracker::new([0; 16], 0, 0);
        Self { tracker, last: 0 }
    }

    /// A program of `package`, or of none.
    fn start(&mut self, parent: Option<ProcessIndex>, path: &str, package: Option<&str>) -> ProcessIndex {
        self.last += 1;
        let parent_uid = parent
            .and_then(|parent| self.tracker.processes.get(parent))
            .map_or(ProcessUid::UNKNOWN, |parent| parent.uid);
        let package = package.map(|name| {
            let (name, version) = (name.to_owned(), "1".to_owned());
            Arc::new(Package { name, version })
        });
        let image = Image {
            path: path.into(),
            command_line: path.into(),
            package,
            ..Image::default()
        };
        self.tracker.processes.insert(Process {
            uid: ProcessUid([self.last; 16]),
            parent_uid,
            // Nobody's: the highest pid is 4,194,304.
            pid: 5_000_000 + u32::from(self.last),
            namespace_pid: 0,
            parent_pid: 0,
            start_time_ns: 0,
            end_time_ns: None,
            image_number: 1,
            image: Arc::new(image),
            container: None,
            cgroup_id: 0,
            user_id: 0,
            group_id: 0,
            credentials: Default::default(),
        })
    }

    fn image(&mut self, process: ProcessIndex) -> &mut Image {
        let process = self.tracker.processes.get_mut(process).unwrap();
        Arc::make_mut(&mut process.image)
    }

    fn found(&mut self, process: ProcessIndex) -> u32 {
        self.tracker.ask_origin(process, 0);
        assert!(!self.image(process).is_asked_about);
        self.image(process).flags
    }

    /// dpkg, a maintainer's script, and what that starts.
    fn installation(&mut self, manager: &str, package: Option<&str>, script: &str) -> [ProcessIndex; 3] {
        let manager = self.start(None, manager, package);
        let shell = self.start(Some(manager), "/usr/bin/dash", Some("dash"));
        self.image(shell).script = script.into();
        let tool = self.start(Some(shell), "/usr/bin/chmod", Some("coreutils"));
        [manager, shell, tool]
    }
}

#[test]
fn what_a_maintainers_script_starts_under_the_package_manager_is_an_installation() {
    let mut host = Host::new();
    let [_, shell, tool] = host.installation("/usr/bin/dpkg", Some("dpkg"), POSTINST);
    assert_eq!(host.found(tool), PACKAGED | INSTALLATION);
    assert_eq!(host.found(shell), PACKAGED | INSTALLATION);
    let deeper = host.start(Some(tool), "/usr/local/bin/own", None);
    assert_eq!(host.found(deeper), INSTALLATION);
}

#[test]
fn a_script_by_the_name_of_debconfs_alone_makes_none() {
    let mut host = Host::new();
    let [manager, _, tool] = host.installation("/usr/bin/perl", Some("perl-base"), POSTINST);
    host.image(manager).script = b"/usr/sbin/dpkg-reconfigure".to_vec();
    assert_eq!(host.found(tool), PACKAGED);
}

#[test]
fn only_what_a_maintainers_script_may_have_started_is_asked_about_as_it_starts() {
    let mut host = Host::new();
    let [manager, shell, tool] = host.installation("/tmp/dpkg", None, POSTINST);
    assert_eq!(
        [manager, shell, tool].map(|each| host.tracker.is_below_script(each)),
        [false, true, true]
    );
}

#[test]
fn a_package_manager_by_name_alone_makes_none() {
    for (manager, package) in [
        ("/usr/bin/dpkg", None),
        ("/tmp/dpkg", None),
        ("/usr/bin/dpkg", Some("bash")),
        ("/usr/bin/bash", Some("bash")),
    ] {
        let mut host = Host::new();
        let [.., tool] = host.installation(manager, package, POSTINST);
        assert_eq!(host.found(tool), PACKAGED, "{manager} of {package:?}");
    }
}

#[test]
fn what_the_package_manager_was_told_to_run_is_none() {
    let mut host = Host::new();
    let [manager, _, tool] = host.installation("/usr/bin/dpkg", Some("dpkg"), POSTINST);
    host.image(manager).command_line = b"dpkg --pre-invoke=x -i x.deb".to_vec();
    assert_eq!(host.found(tool), PACKAGED);
    let mut host = Host::new();
    let [.., tool] = host.installation("/usr/bin/dpkg", Some("dpkg"), "/tmp/tool.postinst");
    assert_eq!(host.found(tool), PACKAGED, "a script of nobody's");
}

#[test]
fn code_that_the_environment_brings_makes_a_program_nobodys() {
    let mut host = Host::new();
    let program = host.start(None, "/usr/bin/chage", Some("passwd"));
    host.image(program).is_influenced = true;
    assert_eq!(host.found(program), 0);
    host.image(program).flags = ImageFlag::Setuid as u32;
    assert_eq!(host.found(program) & PACKAGED, 0, "root keeps the variables");
    host.tracker.processes.get_mut(program).unwrap().user_id = 1_000;
    assert_eq!(host.found(program) & PACKAGED, PACKAGED, "the kernel drops them");
}

#[test]
fn a_containers_program_counts_when_it_came_with_the_image() {
    let lower = ImageFlag::LowerLayer as u32;
    for (flags, counts) in [
        (lower, true),
        (0, false),
        (ImageFlag::UpperLayer as u32, false),
        (lower | ImageFlag::New as u32, false),
    ] {
        let mut host = Host::new();
        let program = host.start(None, "/bin/busybox", None);
        host.image(program).flags = flags;
        assert_eq!(host.found(program) & PACKAGED, 0, "on the host");
        host.tracker.processes.get_mut(program).unwrap().container = Some("c".into());
        assert_eq!(host.found(program) & PACKAGED != 0, counts, "{flags}");
    }
}

#[test]
fn a_program_that_is_being_read_is_waited_for_but_not_for_ever() {
    for is_read_in_time in [true, false] {
        let mut host = Host::new();
        let program = host.start(None, "/usr/bin/chage", None);
        let version = FileVersion::from(&LifecycleFacts::default());
        host.tracker.hash_waiters.insert(version, vec![program]);
        host.tracker.ask_origin(program, 0);
        host.tracker.settle_origins(Origins::WAIT_NS - 1);
        assert!(host.image(program).is_asked_about);
        if is_read_in_time {
            host.tracker.hash_waiters.clear();
            let (name, version) = ("passwd".to_owned(), "1".to_owned());
            host.image(program).package = Some(Arc::new(Package { name, version }));
        }
        host.tracker.settle_origins(Origins::WAIT_NS);
        assert!(!host.image(program).is_asked_about);
        assert_eq!(host.image(program).flags & PACKAGED != 0, is_read_in_time);
    }
}
