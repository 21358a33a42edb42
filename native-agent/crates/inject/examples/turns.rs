//! `turns PID TIMES` brings the library into a process and out again that often, while the process works.
use std::time::{Duration, Instant};

use norn_inject::{Left, Nothing, Options, Plans, inject};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pid, times] = &arguments[..] else {
        return Err("usage: turns PID TIMES".into());
    };
    let (pid, times): (i32, u32) = (pid.parse()?, times.parse()?);
    let plans = Plans::default();
    plans.prepare();
    let (mut into, mut calls, mut left) = (Duration::ZERO, 0, 0);
    let mut held: Vec<Duration> = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        let hooked = inject(pid, &plans, &Options::default(), Box::new(Nothing))?;
        into += began.elapsed();
        held.push(hooked.held());
        std::thread::sleep(Duration::from_millis(1));
        calls += hooked.channel().read(&mut |_| ());
        left += u32::from(hooked.eject()? == Left::Memory);
    }
    held.sort_unstable();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "{times} turns, {:.2} ms each way in, the process held still for {:.2} ms (half), {:.2} ms (99 %); {calls} calls seen, {left} times memory was left",
        ms(into) / f64::from(times),
        ms(held[held.len() / 2]),
        ms(held[held.len() * 99 / 100]),
    );
    Ok(())
}
