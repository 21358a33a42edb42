//! `watch -- COMMAND…` starts a program with the library preloaded, `watch PID` hooks one that runs; prints every call until it ends.
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use norn_inject::{Call, Channel, Door, Nothing, Options, Plans, Responder, Wanted, inject};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, command)) if first == "--" && !command.is_empty() => start(command),
        Some((pid, [])) => follow(pid.parse()?),
        _ => Err("usage: watch PID | watch -- COMMAND…".into()),
    }
}

fn follow(pid: i32) -> Result<(), Failure> {
    let hooked = inject(pid, &Plans::default(), &Options::default(), Box::new(Nothing))?;
    while std::path::Path::new(&format!("/proc/{pid}")).exists() {
        hooked.channel().read(&mut print);
        std::thread::sleep(Duration::from_millis(20));
    }
    hooked.channel().read(&mut print);
    Ok(())
}

fn start(command: &[String]) -> Result<(), Failure> {
    let directory = std::env::temp_dir().join(format!("norn-watch-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let (tell, told) = mpsc::channel();
    let met = Box::new(move |visitor: norn_inject::Visitor| match visitor.channel {
        Ok(channel) => {
            let responder = Responder::start(channel.clone(), Box::new(Nothing));
            let _ = tell.send((channel, responder));
        }
        Err(blind) => eprintln!("{}: {blind}", blind.code()),
    });
    let door = Door::open(&directory, Wanted::default(), met)?;
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .envs(door.following().variables())
        .spawn()?;
    let mut channels: Vec<(Arc<Channel>, std::io::Result<Responder>)> = Vec::new();
    loop {
        let ended = child.try_wait()?.is_some();
        channels.extend(told.try_iter());
        for (channel, _) in &channels {
            channel.read(&mut print);
        }
        if ended {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for (channel, _) in &channels {
        eprintln!(
            "{:?}, start error {:?}",
            channel.losses(),
            channel.shared().header.counters.start_error
        );
    }
    drop(door);
    std::fs::remove_dir_all(directory)?;
    Ok(())
}

fn print(call: Call) {
    let texts = [&call.first, &call.second].map(|text| text.escape_ascii().to_string());
    println!(
        "{} {}/{} call {} {texts:?} {:x?}",
        call.time_ns, call.pid, call.tid, call.number, call.args
    );
}
