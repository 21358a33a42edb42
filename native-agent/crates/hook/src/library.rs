//! The root of the library itself: see `lib.rs` for what is in it.
#![no_std]
#![allow(dead_code)]

mod calls;
mod channel;
mod entry;
mod follow;
mod handle;
mod hooked;
mod identity;
mod question;
mod record;
mod start;
mod state;
mod stub;
mod surroundings;
mod system;

/// Nothing here can panic but by a defect; then the process is better ended than left in a state that nobody knows.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

// The compiler may call these. Hidden: another library's calls must never come here.
core::arch::global_asm!(
    ".globl memcpy, memset, memmove, memcmp, bcmp",
    ".hidden memcpy, memset, memmove, memcmp, bcmp",
    "memcpy:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "rep movsb",
    "ret",
    "memmove:",
    "mov rax, rdi",
    "mov rcx, rdx",
    "mov r8, rdi",
    "sub r8, rsi",
    "cmp r8, rdx",
    "jb 2f",
    "rep movsb",
    "ret",
    "2:",
    "lea rdi, [rdi + rdx - 1]",
    "lea rsi, [rsi + rdx - 1]",
    "std",
    "rep movsb",
    "cld",
    "ret",
    "memset:",
    "mov r8, rdi",
    "mov eax, esi",
    "mov rcx, rdx",
    "rep stosb",
    "mov rax, r8",
    "ret",
    "memcmp:",
    "bcmp:",
    "xor eax, eax",
    "xor ecx, ecx",
    "2:",
    "cmp rcx, rdx",
    "je 3f",
    "movzx eax, byte ptr [rdi + rcx]",
    "movzx r8d, byte ptr [rsi + rcx]",
    "inc rcx",
    "sub eax, r8d",
    "je 2b",
    "3:",
    "ret",
);
