use super::*;
use std::io::Read;

fn scanned(code: &[u8]) -> Plan {
    let mut scan = Scan::default();
    scan.read(code, 0x1000);
    scan.plan()
}

#[test]
fn the_load_of_the_number_makes_room() {
    let plan = scanned(&[0x48, 0x89, 0xFE, 0xB8, 0x57, 0, 0, 0, 0x0F, 0x05, 0xC3]);
    assert_eq!(plan.sites.len(), 1);
    assert_eq!((plan.sites[0].start, plan.sites[0].len), (0x1003, 5));
    assert_eq!(plan.sites[0].bytes[..5], [0xB8, 0x57, 0, 0, 0]);
}

#[test]
fn a_jump_lies_in_one_page_so_that_it_is_written_at_once() {
    let code = [0x48, 0x89, 0xFE, 0xB8, 0x57, 0, 0, 0, 0x0F, 0x05, 0xC3];
    let at = |address| {
        let mut scan = Scan::default();
        scan.read(&code, address);
        scan.plan()
    };
    // `mov eax, 87` begins four bytes before the page's end, then the instruction before it five bytes.
    let crossing = at(0x1FF9);
    assert_eq!((crossing.sites[0].start, crossing.sites[0].len), (0x1FF9, 8));
    assert_eq!(at(0x1FFC).missed, [0x2004], "neither has room in one page");
    assert_eq!(at(0x1FF8).sites[0].start, 0x1FFB);
}

#[test]
fn a_call_that_is_not_hooked_stays_as_it_is() {
    assert!(scanned(&[0xB8, 0x01, 0, 0, 0, 0x0F, 0x05]).sites.is_empty());
    assert!(
        scanned(&[0x90, 0x90, 0x90, 0x31, 0xC0, 0x0F, 0x05])
            .sites
            .is_empty()
    );
}

#[test]
fn a_number_from_elsewhere_is_hooked_as_it_may_be_any() {
    let plan = scanned(&[0x48, 0x89, 0xF8, 0x4C, 0x89, 0xC2, 0x0F, 0x05]);
    assert_eq!((plan.sites[0].start, plan.sites[0].len), (0x1000, 6));
}

#[test]
fn a_branch_into_the_moved_instructions_forbids_it() {
    // jmp to the second `mov`; mov esi, eax; mov eax, r8d; syscall
    let plan = scanned(&[0xEB, 0x03, 0x4C, 0x89, 0xC6, 0x4C, 0x89, 0xC0, 0x0F, 0x05]);
    assert!(plan.sites.is_empty());
    assert_eq!(plan.missed, [0x1008]);
}

#[test]
fn what_depends_on_its_place_is_not_moved() {
    let plan = scanned(&[0x8B, 0x05, 0x10, 0, 0, 0, 0x0F, 0x05]);
    assert_eq!(plan.missed.len(), 1);
}

#[test]
fn a_jump_by_table_nearby_forbids_several_instructions_only() {
    // movsxd rcx, [rdx + rcx * 4]; jmp rcx
    let several = [
        0x48, 0x63, 0x0C, 0x8A, 0xFF, 0xE1, 0x48, 0x89, 0xF8, 0x4C, 0x89, 0xC2, 0x0F, 0x05,
    ];
    assert_eq!(scanned(&several).missed.len(), 1);
    let one = [
        0x48, 0x63, 0x0C, 0x8A, 0xFF, 0xE1, 0xB8, 0x57, 0, 0, 0, 0x0F, 0x05,
    ];
    assert_eq!(scanned(&one).sites.len(), 1);
    let mut other = Scan {
        functions: vec![0x1006],
        ..Scan::default()
    };
    other.read(&several, 0x1000);
    assert_eq!(
        other.plan().sites.len(),
        1,
        "a table of another function is none of its"
    );
    // jmp rcx alone is a call at the end of a function.
    assert_eq!(scanned(&several[4..]).sites.len(), 1);
}

#[test]
fn a_number_is_followed_through_registers() {
    // mov r8d, 202; mov edx, 1; mov rax, r8; syscall
    let code = [
        0x41, 0xB8, 0xCA, 0, 0, 0, 0xBA, 1, 0, 0, 0, 0x4C, 0x89, 0xC0, 0x0F, 0x05,
    ];
    let plan = scanned(&code);
    assert!(plan.sites.is_empty() && plan.missed.is_empty());
}

#[test]
fn libc_of_this_machine_has_nearly_all_its_call_sites_replaced() {
    // The test itself may be linked without it.
    let mut shell = std::process::Command::new("/bin/sh")
        .args(["-c", "echo; read line"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let maps = crate::maps::read(shell.id() as i32).unwrap();
    drop(shell.stdin.take());
    shell.wait().unwrap();
    let libc = maps
        .iter()
        .find(|mapping| mapping.executable && mapping.path.contains("/libc"))
        .unwrap();
    let plan = plan(&fs::read(&libc.path).unwrap()).unwrap();
    println!(
        "{} sites, {} missed: {:x?}",
        plan.sites.len(),
        plan.missed.len(),
        plan.missed
    );
    assert!(plan.sites.len() > 50, "{} sites", plan.sites.len());
    assert!(
        plan.missed.len() * 4 < plan.sites.len(),
        "missed {:x?}",
        plan.missed
    );
}
