//! `insight SECONDS CMD…`: runs a command and prints which loops its time goes to, what they compute and where they lie.
use std::collections::{BTreeMap, HashMap};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use norn_insight::{Decoder, Instructions, Loop, Pace, Sample, Sampler, of_this_cpu};

const LOOPS_MAX: usize = 6;
const LINES_MAX: usize = 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (seconds, command) = arguments.split_first().ok_or("SECONDS CMD…")?;
    let mut sampler = Sampler::open()?;
    sampler.set_pace(Pace::Close);
    let decoder = of_this_cpu().map_err(|unsupported| unsupported.to_string())?;
    let mut child = Command::new(&command[0]).args(&command[1..]).spawn()?;
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
    let mut seen = Seen::default();
    while Instant::now() < end && child.try_wait()?.is_none() {
        std::thread::sleep(Duration::from_millis(50));
        seen.look(&mut sampler, decoder.as_ref(), &child);
    }
    let _gone = child.kill();
    child.wait()?;
    seen.print();
    Ok(())
}

#[derive(Default)]
struct Seen {
    samples: u32,
    decoded: u32,
    kernels: BTreeMap<&'static str, u32>,
    loops: HashMap<u64, (u32, Loop, Vec<String>, String)>,
}

impl Seen {
    fn look(&mut self, sampler: &mut Sampler, decoder: &dyn Decoder, child: &Child) {
        let mut samples = Vec::new();
        let own = std::process::id();
        sampler.drain(&mut |sample| samples.push(sample));
        let is_below = |sample: &&Sample| {
            sample.pid == child.id() || (sample.pid != own && parent(sample.pid) == Some(child.id()))
        };
        for sample in samples.iter().filter(is_below) {
            self.samples += 1;
            self.note(sampler, decoder, sample);
        }
    }

    fn note(&mut self, sampler: &Sampler, decoder: &dyn Decoder, sample: &Sample) {
        let (before, behind) = decoder.reach();
        let mut code = vec![0; before + behind];
        let base = sample.address - before as u64;
        let length = sampler.read(sample.pid, base, &mut code);
        let Some(found) = decoder.look(&code[..length], base, sample.address) else {
            return;
        };
        self.decoded += 1;
        *self
            .kernels
            .entry(found.kernel.map_or("none", |kernel| kernel.name()))
            .or_default() += 1;
        let memory = sampler.memory(sample.pid).unwrap_or_default();
        let place = memory
            .at(sample.address)
            .map_or_else(String::new, |region| region.describe());
        let entry = self.loops.entry(found.start).or_insert_with(|| {
            (
                0,
                found,
                decoder.disassemble((&code[..length], base), (found.start, found.end), LINES_MAX),
                place,
            )
        });
        entry.0 += 1;
    }

    fn print(&self) {
        println!(
            "{} samples, {} decoded: {:?}",
            self.samples, self.decoded, self.kernels
        );
        let mut loops: Vec<_> = self.loops.values().collect();
        loops.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
        for (count, found, lines, place) in loops.into_iter().take(LOOPS_MAX) {
            let name = found.kernel.map_or("none", |kernel| kernel.name());
            println!("{count} × {name}, {} bytes, {place}", found.end - found.start);
            if std::env::var_os("LINES").is_some() {
                lines.iter().for_each(|line| println!("    {line}"));
            }
        }
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 2..].split(' ').nth(1)?.parse().ok()
}
