//! The way in from a stub: everything that the program may still need is kept, the kernel's own rcx and r11 aside.
use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64};

use crate::channel::{CALLS, Mask};
use crate::state::State;

/// The registers of a system call that is about to happen. What is written here is what the kernel gets.
#[repr(C)]
pub struct Frame {
    pub call: u64,
    pub args: [u64; 6],
}

static NOTHING: Mask = [const { AtomicU64::new(0) }; CALLS / 64];

/// Exported, so that the injector finds it.
#[unsafe(no_mangle)]
pub static norn_hook_state: State = State {
    mask: AtomicPtr::new((&raw const NOTHING).cast_mut()),
    channel: AtomicU64::new(0),
    clock: AtomicU64::new(0),
    pid_page: AtomicU64::new(0),
    own_calls: AtomicU64::new(0),
    inside: AtomicI64::new(0),
};

/// Called by stubs, with the stack below the program's red zone and the flags already kept. A call that nobody asked for costs the six
/// instructions at the top. The vector registers are kept because a compiler may hold values in them across a system call.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub extern "C" fn norn_hook_entry() {
    core::arch::naked_asm!(
        "cmp rax, 511",
        "ja 2f",
        "mov r11, [rip + {state}]",
        "bt [r11], rax",
        "jnc 2f",
        "push rbp",
        "mov rbp, rsp",
        "and rsp, -16",
        "sub rsp, 320",
        "movups [rsp + 64], xmm0",
        "movups [rsp + 80], xmm1",
        "movups [rsp + 96], xmm2",
        "movups [rsp + 112], xmm3",
        "movups [rsp + 128], xmm4",
        "movups [rsp + 144], xmm5",
        "movups [rsp + 160], xmm6",
        "movups [rsp + 176], xmm7",
        "movups [rsp + 192], xmm8",
        "movups [rsp + 208], xmm9",
        "movups [rsp + 224], xmm10",
        "movups [rsp + 240], xmm11",
        "movups [rsp + 256], xmm12",
        "movups [rsp + 272], xmm13",
        "movups [rsp + 288], xmm14",
        "movups [rsp + 304], xmm15",
        "mov [rsp], rax",
        "mov [rsp + 8], rdi",
        "mov [rsp + 16], rsi",
        "mov [rsp + 24], rdx",
        "mov [rsp + 32], r10",
        "mov [rsp + 40], r8",
        "mov [rsp + 48], r9",
        "mov rdi, rsp",
        "cld",
        "call {handle}",
        "mov rax, [rsp]",
        "mov rdi, [rsp + 8]",
        "mov rsi, [rsp + 16]",
        "mov rdx, [rsp + 24]",
        "mov r10, [rsp + 32]",
        "mov r8, [rsp + 40]",
        "mov r9, [rsp + 48]",
        "movups xmm0, [rsp + 64]",
        "movups xmm1, [rsp + 80]",
        "movups xmm2, [rsp + 96]",
        "movups xmm3, [rsp + 112]",
        "movups xmm4, [rsp + 128]",
        "movups xmm5, [rsp + 144]",
        "movups xmm6, [rsp + 160]",
        "movups xmm7, [rsp + 176]",
        "movups xmm8, [rsp + 192]",
        "movups xmm9, [rsp + 208]",
        "movups xmm10, [rsp + 224]",
        "movups xmm11, [rsp + 240]",
        "movups xmm12, [rsp + 256]",
        "movups xmm13, [rsp + 272]",
        "movups xmm14, [rsp + 288]",
        "movups xmm15, [rsp + 304]",
        "mov rsp, rbp",
        "pop rbp",
        "2:",
        "ret",
        state = sym norn_hook_state,
        handle = sym crate::handle::handle,
    )
}
