//! The main loop: one thread that hands events to the observers, lets reflexes act, ships batches and talks to Tyr, and
//! waits for none of them.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use norn_events::wire::agent::v1::{BaldurFarewell, ReflexMode, baldur_message};
use norn_events::{ContentChange, ProcessUid};
use norn_os::clock::{boot_ns, unix_us};
use norn_probe::Sight;
use norn_programs::lineage::author;
use norn_tamper::Act;

use super::super::application::{Application, log_restore, told};
use super::super::deferred::Seen;
use super::Daemon;

/// The loop goes round at least this often: the sensor's bulk ring does not call for every event.
const ROUND: Duration = Duration::from_millis(10);
/// Rows wait this long for company, ns.
const LINGER_NS: u64 = 100_000_000;
const UPKEEP_NS: u64 = 1_000_000_000;
/// What the capability report says of hooks changes no more often.
const HOOK_REPORT_NS: u64 = 10_000_000_000;
/// Ancestors looked through for `act_below`.
const DEPTH_MAX: usize = 64;
/// On SIGTERM: what is still to be sent gets this long.
const FAREWELL: Duration = Duration::from_millis(300);

impl Daemon {
    /// Until SIGTERM or SIGINT, or the application's end; its exit code.
    pub fn run(mut self) -> i32 {
        self.apply_exec_policy();
        for decision in self.commands.resume(unix_us()) {
            self.follow(decision);
        }
        while !self.wait() {
            // Taken before the events are read: what a process did before it changed a file is among them then.
            let mut changes = self.keeper.changes();
            self.observe();
            if self.application.is_some() {
                // Inside a container both come by one way, and in order.
                changes.extend(self.keeper.changes());
            }
            self.judge(changes);
            self.react();
            self.sensor.let_go();
            self.upkeep();
            self.ship();
            self.talk();
        }
        let exit_code = self.application.as_ref().map_or(0, Application::exit_code);
        self.say_farewell();
        exit_code
    }

    fn wait(&mut self) -> bool {
        let timeout = if self.timers.busy { Duration::ZERO } else { ROUND };
        let writes = self.link.wants_to_write() || (self.link.has_room() && self.outbox.has_next());
        let link = self.link.fd().map(|fd| (fd, writes));
        let signals = self.waiter.wait(link, &self.sensor.wake_fds(), timeout);
        match &mut self.application {
            None => !signals.is_empty(),
            Some(application) => application.heed(&signals, &mut self.sensor, self.link.is_connected()),
        }
    }

    fn observe(&mut self) {
        if self.keeper.settle() {
            self.hooks.attach(self.keeper.vault());
            self.say_hello();
        }
        if self.enforcement.settle() {
            self.say_hello();
        }
        let events = self.sensor.poll(&mut [
            &mut self.keeper,
            &mut self.reflexes,
            &mut self.tamper,
            &mut self.withheld.before(&mut self.builder),
            &mut self.enforcement,
            &mut self.hooks,
        ]);
        self.keeper.catch_up(self.sensor.processes());
        self.timers.busy = self.sensor.has_more();
        let has_calls = self.hooks.work(self.sensor.processes(), &mut self.builder);
        let released = self
            .withheld
            .release(&mut self.builder, self.sensor.processes(), false);
        if (events > 0 || has_calls || released) && self.timers.rows_since_ns.is_none() {
            self.timers.rows_since_ns = Some(boot_ns());
        }
    }

    fn judge(&mut self, mut fresh: Vec<ContentChange>) {
        fresh.retain(|change| !self.is_kept(change));
        for change in &fresh {
            self.sensor.learn(change);
        }
        let seen = Seen {
            until_ns: self.sensor.seen_ns(),
            now_ns: boot_ns(),
        };
        self.deferred.add(fresh, seen.now_ns);
        let processes = self.sensor.processes();
        let is_known = |change: &ContentChange| author(change, processes).is_some();
        for mut change in self.deferred.take_due(seen, is_known) {
            let processes = self.sensor.processes();
            let author = author(&change, processes).and_then(|index| processes.get(index));
            // The sensor tells of names as the process has them, the vault as the host does.
            if let Some(container) = author.and_then(|process| process.container.as_deref())
                && let Some(path) = self.keeper.path_inside(container, &change.path)
            {
                change.path = path;
            }
            self.reactions.count(&change);
            self.reflexes.content_changed(&change, processes);
            for pid in self.reflexes.take_suspects(self.sensor.processes()) {
                self.sensor.slow_down(pid);
                self.hooks.suspect(pid, self.sensor.processes());
                let processes = self.sensor.processes();
                if let Some(process) = processes.by_pid(pid).and_then(|index| processes.get(index)) {
                    self.keeper.suspect(process.uid);
                }
            }
            if self.reflexes.has_fired() {
                self.react();
            }
        }
    }

    fn is_kept(&self, change: &ContentChange) -> bool {
        let path = Path::new(OsStr::from_bytes(&change.path));
        change.container.is_none() && self.kept.iter().any(|kept| path.starts_with(kept))
    }

    fn react(&mut self) {
        for mut firing in self.reflexes.take() {
            self.enforcement.withhold(&mut firing, self.sensor.processes());
            let mode = if self.may_act_on(firing.scope) {
                self.modes.mode(firing.rule)
            } else {
                ReflexMode::Observe
            };
            let scope = firing.scope;
            self.first_acts.note(&firing, self.clock);
            self.reactions.react(
                firing,
                mode,
                (&mut self.responder, self.sensor.processes(), self.clock),
            );
            self.keeper.hold(scope);
            self.undo(scope, mode);
            // Written to disk and synchronised, which takes milliseconds: only when somebody was frozen.
            if mode == ReflexMode::Suspend {
                self.save_frozen();
            }
        }
    }

    /// Inside a container the pre-images go with it: what was killed is undone at once.
    fn undo(&mut self, scope: ProcessUid, mode: ReflexMode) {
        let Some(application) = &mut self.application else {
            return;
        };
        application.note_firing();
        if mode != ReflexMode::Kill || !application.restores {
            return;
        }
        if self.responder.has_survivors(scope, self.sensor.processes()) {
            return;
        }
        if let Some(report) = self.keeper.undo(scope).filter(|report| !report.files.is_empty()) {
            log_restore(scope, &report);
            self.reactions.add_evidence(scope, told(&report));
        }
    }

    fn upkeep(&mut self) {
        let now_ns = boot_ns();
        self.reflexes.tick(now_ns, self.sensor.processes());
        self.reactions
            .follow_up(now_ns, &mut self.responder, self.sensor.processes());
        self.watch_hooks(now_ns);
        if now_ns >= self.timers.upkeep_ns {
            self.timers.upkeep_ns = now_ns + UPKEEP_NS;
            self.sensor.sweep();
            self.watch_sight(now_ns);
            self.enforcement.tick();
            self.own_network.end_what_is_over(&self.state);
            self.own_network.follow_interfaces();
            self.first_acts.save(&self.state);
        }
    }

    /// What the sensor sees no more is told, and is in the capability report.
    fn watch_sight(&mut self, now_ns: u64) {
        let sights = self.sensor.take_sights();
        for sight in &sights {
            let processes = self.sensor.processes();
            match sight {
                Sight::Blind(capabilities) => self.tamper.blind(capabilities, now_ns, processes),
                Sight::Untested => self.tamper.untested(now_ns, processes),
                Sight::Impostor {
                    by,
                    container,
                    cgroup,
                } => {
                    let act = Act {
                        by: *by,
                        time_ns: now_ns,
                    };
                    self.tamper.impostor((container, cgroup), act, processes);
                }
                Sight::Restored(capabilities) => tracing::info!(?capabilities, "seen again"),
            }
        }
        if sights
            .iter()
            .any(|sight| !matches!(sight, Sight::Impostor { .. }))
        {
            self.say_hello();
        }
    }

    /// What hooked processes do past their hooks is told like what the other reflexes find.
    fn watch_hooks(&mut self, now_ns: u64) {
        for firing in self.hooks.tick(now_ns, self.sensor.processes()) {
            self.reflexes.report(firing);
        }
        if self.hooks.has_changed() {
            self.reflexes.set_own_code(self.hooks.own_code());
        }
        if now_ns >= self.timers.hook_report_ns && self.hooks.take_news() {
            self.timers.hook_report_ns = now_ns + HOOK_REPORT_NS;
            self.say_hello();
        }
    }

    /// Seals what is full, what has waited long enough, and at once what holds a finding.
    fn ship(&mut self) {
        let now_ns = boot_ns();
        let mut findings = self.reactions.take_ready(now_ns, self.clock);
        findings.extend(self.enforcement.take_findings(now_ns, self.sensor.processes()));
        findings.extend(self.tamper.take(now_ns, self.sensor.processes()));
        let urgent = !findings.is_empty();
        for finding in findings {
            for uid in [&finding.process_uid, &finding.scope_uid] {
                if let Ok(uid) = uid.as_slice().try_into() {
                    self.builder.mention(ProcessUid(uid), self.sensor.processes());
                }
            }
            self.commands.hold(&finding);
            self.builder.push_finding(finding);
        }
        while self.builder.is_full() {
            self.seal(now_ns);
        }
        let waited = self
            .timers
            .rows_since_ns
            .is_some_and(|since| since + LINGER_NS <= now_ns);
        while (urgent || waited) && !self.builder.is_empty() {
            self.seal(now_ns);
        }
        if self.builder.is_empty() {
            self.timers.rows_since_ns = None;
        }
    }

    fn seal(&mut self, now_ns: u64) {
        let mut batch = self.builder.finish(0, "");
        batch.traceparent = self.traces.begin(!batch.findings.is_empty());
        self.outbox.push(&batch, now_ns);
    }

    fn may_act_on(&self, scope: ProcessUid) -> bool {
        if self.act_below.is_empty() {
            return true;
        }
        let processes = self.sensor.processes();
        let mut current = processes.by_uid(scope);
        for _ in 0..DEPTH_MAX {
            let Some(process) = current.and_then(|index| processes.get(index)) else {
                return false;
            };
            if self.act_below.contains(&process.parent_pid) {
                return true;
            }
            current = processes.by_uid(process.parent_uid);
        }
        false
    }

    /// What is in hand goes to Tyr, if Tyr takes it; the vault's marks go with the vault.
    fn say_farewell(mut self) {
        tracing::info!("stopping");
        self.first_acts.save(&self.state);
        self.hooks.say_farewell();
        self.withheld
            .release(&mut self.builder, self.sensor.processes(), true);
        while !self.builder.is_empty() {
            self.seal(boot_ns());
        }
        let deadline = Instant::now() + FAREWELL;
        self.send_batches();
        while (self.link.wants_to_write() || (self.link.is_connected() && self.outbox.has_next()))
            && Instant::now() < deadline
        {
            std::thread::sleep(Duration::from_millis(5));
            self.send_batches();
        }
        if let Some(application) = &self.application {
            let exit_code = application.exit_code();
            let farewell = BaldurFarewell { exit_code };
            self.link.send(baldur_message::Message::Farewell(farewell), 0);
            self.link.flush();
        }
    }
}
