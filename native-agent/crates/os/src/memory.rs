//! What the C library holds of this process's memory.

/// A restore of many files, or reading a long journal, leaves much that is free and still counted as this process's.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes an integer only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// To be called before threads are started: else each gets a heap of its own, and what one has freed is of no use to the others.
pub fn share_memory() {
    const HEAPS_MAX: libc::c_int = 2;
    #[cfg(target_env = "gnu")]
    // SAFETY: takes integers only.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS_MAX);
    }
}
