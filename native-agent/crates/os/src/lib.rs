//! The kernel behind safe functions: its calls, its clocks and what /proc says. Knows nothing of what it is asked for.
mod attributes;
mod calls;
pub mod cgroups;
pub mod clock;
mod descriptors;
mod fanotify;
mod files;
pub mod filter;
mod inode;
mod memory;
pub mod mounts;
mod names;
pub mod paths;
mod pi_mutex;
mod pidfd;
pub mod process;
mod rename;
pub mod rights;
mod wake;
mod whole;

pub use attributes::{ACCESS_ACL, CAPABILITY, DEFAULT_ACL, attributes, set_attribute};
pub use calls::c_string;
pub use clock::{boot_ns, wall_ns};
pub use descriptors::{
    clone_file, event_fd, lock, next_data, poll, pread, punch_hole, raise_descriptors, read, waiting_bytes,
    write,
};
pub use fanotify::{fanotify_init, fanotify_mark};
pub use files::{
    Handle, Stat, birth_ns, change_mode, change_owner, change_time, file_system_id, free_percent, fstat,
    handle_at, is_one, mount_namespace_id, open_by_handle, stat_at,
};
pub use inode::{
    Lease, Loosened, Node, has_entries, is_open_to_write, link_file_at, loosen, mount_of, node_at,
    open_again, open_directory_itself, own_user, random, strip_privileges,
};
pub use memory::{give_back_memory, share_memory};
pub use names::{
    BELOW, BELOW_HERE, IN_ROOT, ON_MOUNT, create_at, detached_mount, link_of, make_directory_at, open_below,
    open_remembered, path_of, read_link_at, symlink_at, unlink_at,
};
pub use pi_mutex::{PiGuard, PiMutex};
pub use pidfd::{ProcessHandle, wait_for_end};
pub use rename::{exchange_at, rename_at};
pub use wake::{Waiter, Waker};
pub use whole::write_whole;
