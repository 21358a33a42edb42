//! A shell whose input and output are a TCP connection to a listener on loopback, which this program starts itself.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

pub fn run(seconds: u64) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let stream = TcpStream::connect(address)?;
    let (mut operator, _) = listener.accept()?;
    let shell = spawn_shell(stream.as_raw_fd())?;
    drop(stream);
    converse(&mut operator, shell, seconds)
}

fn spawn_shell(socket: RawFd) -> anyhow::Result<std::process::Child> {
    let mut command = Command::new("/bin/sh");
    command.arg("-i");
    let join = move || {
        for target in 0..3 {
            // SAFETY: dup2 is async-signal-safe, and both numbers are open file descriptors of this process.
            if unsafe { libc::dup2(socket, target) } < 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure only calls dup2 between fork and exec.
    unsafe { command.pre_exec(join) };
    Ok(command.spawn()?)
}

fn converse(operator: &mut TcpStream, mut shell: std::process::Child, seconds: u64) -> anyhow::Result<()> {
    operator.set_read_timeout(Some(Duration::from_millis(500)))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut buffer = [0_u8; 4096];
    while Instant::now() < end && shell.try_wait()?.is_none() {
        operator.write_all(b"id\n")?;
        let _quiet = operator.read(&mut buffer);
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("shell ended: {:?}", shell.try_wait()?);
    let _gone = shell.kill();
    Ok(())
}
