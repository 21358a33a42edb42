//! Where a process has the function that reads the clock without entering the kernel. The kernel gives every process the same vDSO.
use std::fs;
use std::sync::OnceLock;

use object::{Object, ObjectSymbol};

use crate::maps::{self, Mapping};

/// Clock sources that the vDSO reads by itself; with another it makes a system call, which a filter may not allow.
const READ_BY_VDSO: [&str; 3] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page"];
const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// The function's address, or 0 when the kernel has to be asked.
pub fn address(maps: &[Mapping]) -> u64 {
    static OFFSET: OnceLock<Option<u64>> = OnceLock::new();
    let vdso = maps.iter().find(|mapping| mapping.path == "[vdso]");
    let address = vdso.and_then(|vdso| Some(vdso.start + (*OFFSET.get_or_init(offset))?));
    address.unwrap_or(0)
}

fn offset() -> Option<u64> {
    let source = fs::read_to_string(SOURCE).ok()?;
    if !READ_BY_VDSO.contains(&source.trim()) {
        return None;
    }
    let maps = maps::read(std::process::id() as i32).ok()?;
    let own = maps.iter().find(|mapping| mapping.path == "[vdso]")?;
    // SAFETY: the kernel maps the vDSO readable for the life of the process.
    let vdso = unsafe { std::slice::from_raw_parts(own.start as *const u8, (own.end - own.start) as usize) };
    let file = object::File::parse(vdso).ok()?;
    let function = file
        .dynamic_symbols()
        .find(|symbol| symbol.name() == Ok("__vdso_clock_gettime"))?;
    Some(function.address())
}
