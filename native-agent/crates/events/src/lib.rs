//! What a kernel event, a process and a batch are; the contract between the sensor and everything that watches it.
#![forbid(unsafe_code)]

mod batch;
mod content;
mod event;
mod process;

/// Messages of `proto/`, generated.
pub mod wire {
    pub mod agent {
        pub mod v1 {
            #![allow(clippy::all)]
            include!(concat!(env!("OUT_DIR"), "/norn.agent.v1.rs"));
        }
    }
    pub mod event {
        pub mod v1 {
            #![allow(clippy::all)]
            include!(concat!(env!("OUT_DIR"), "/norn.event.v1.rs"));
        }
    }
    pub mod finding {
        pub mod v1 {
            #![allow(clippy::all)]
            include!(concat!(env!("OUT_DIR"), "/norn.finding.v1.rs"));
        }
    }
    pub mod policy {
        pub mod v1 {
            #![allow(clippy::all)]
            include!(concat!(env!("OUT_DIR"), "/norn.policy.v1.rs"));
        }
    }
    pub mod action {
        pub mod v1 {
            #![allow(clippy::all)]
            include!(concat!(env!("OUT_DIR"), "/norn.action.v1.rs"));
        }
    }
}

pub use batch::{
    BatchBuilder, BatchError, BatchIdentity, ReadBatch, ReadImage, ReadProcess, ReadRow, read_batch,
};
pub use content::{ChangeKind, ContentChange, ContentFormat, ContentShape};
pub use event::{Event, Observer};
pub use process::{
    Capabilities, ContainerId, Credentials, Image, Package, Process, ProcessIndex, ProcessTable, ProcessUid,
    process_uid,
};
pub use wire::event::v1::{AgentTouch, EventKind, ExecFlag, ImageFlag, SensitiveFile};
