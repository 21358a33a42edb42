//! The library as it will lie in a process: its segments in place, its addresses adjusted, its state filled in, its stubs behind it. Laid out
//! before the process is touched. The loader is not used: a thread that holds still inside malloc or the loader holds their locks, and
//! `dlopen` would wait for them for ever.
use std::sync::OnceLock;

use norn_hook::LIBRARY;
use norn_hook::channel::CHANNEL_BYTES;
use norn_hook::state::{ENTRY_SYMBOL, SYMBOL, State};
use norn_hook::stub::{JUMP_BYTES, STUB_BYTES, STUBS_OFFSET, Site, patch, stub, stub_address};
use object::{Object, ObjectSegment, ObjectSymbol, RelocationFlags, SegmentFlags, elf};

use crate::error::InjectError;

pub const PAGE: u64 = 4096;

/// The library's file, read once.
struct Library {
    memory: Vec<u8>,
    data: (u64, u64),
    entry: u64,
    state: u64,
    relative: Vec<(u64, i64)>,
}

/// Where everything lies, one behind the other: library, a page for the process id, stubs, channel.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub base: u64,
    pub library_bytes: u64,
    /// The library's pages that are written to.
    pub data: (u64, u64),
    pub pid_page: u64,
    pub stubs: u64,
    pub stubs_bytes: u64,
    pub channel: u64,
    pub state: u64,
}

impl Layout {
    pub fn bytes(sites: usize) -> Result<u64, InjectError> {
        Ok(Self::at(0, sites)?.end())
    }

    pub fn at(base: u64, sites: usize) -> Result<Self, InjectError> {
        let library = library()?;
        let library_bytes = library.memory.len() as u64;
        let stubs = base + library_bytes + PAGE;
        let stubs_bytes = stubs_bytes(sites);
        Ok(Self {
            base,
            library_bytes,
            data: (base + library.data.0, library.data.1),
            pid_page: base + library_bytes,
            stubs,
            stubs_bytes,
            channel: stubs + stubs_bytes,
            state: base + library.state,
        })
    }

    /// The first address behind everything.
    pub fn end(&self) -> u64 {
        self.channel + CHANNEL_BYTES as u64
    }

    /// Address and length of everything.
    pub fn extent(&self) -> (u64, u64) {
        (self.base, self.end() - self.base)
    }

    /// Code that a thread may be in: library and stubs.
    pub fn has_code(&self, address: u64) -> bool {
        (self.base..self.stubs + self.stubs_bytes).contains(&address)
    }
}

/// In whole pages.
pub fn stubs_bytes(sites: usize) -> u64 {
    ((STUBS_OFFSET + sites * STUB_BYTES) as u64).next_multiple_of(PAGE)
}

/// A call site in the process, what is written over it, and where its stub is.
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    pub site: Site,
    pub stub: u64,
    pub bytes: [u8; norn_hook::stub::MOVED_BYTES],
}

impl Patch {
    /// What moves into the stub.
    pub fn moved(&self) -> &[u8] {
        &self.site.bytes[..self.site.len as usize]
    }

    /// Of that, what is written over. In one page, so that one write is done wholly or not at all, even by a process that is killed
    /// meanwhile; what follows is never run.
    pub fn original(&self) -> &[u8] {
        &self.site.bytes[..JUMP_BYTES]
    }

    pub fn replacement(&self) -> &[u8] {
        &self.bytes[..JUMP_BYTES]
    }

    /// Where a thread that stands between the moved instructions goes on in the stub.
    pub fn to_stub(&self, rip: u64) -> Option<u64> {
        let end = self.site.start + u64::from(self.site.len);
        (rip > self.site.start && rip < end).then(|| self.stub + (rip - self.site.start))
    }

    /// The other way.
    pub fn from_stub(&self, rip: u64) -> Option<u64> {
        let end = self.stub + u64::from(self.site.len);
        (rip >= self.stub && rip <= end).then(|| self.site.start + (rip - self.stub))
    }
}

pub fn patches(sites: &[Site], stubs: u64) -> Result<Vec<Patch>, InjectError> {
    let made = sites.iter().enumerate().map(|(number, site)| {
        let stub = stub_address(stubs, number);
        let bytes = patch(site, stub).ok_or(InjectError::Library {
            what: "a stub is out of reach",
        })?;
        Ok(Patch {
            site: *site,
            stub,
            bytes,
        })
    });
    made.collect()
}

/// The bytes from the library's beginning to the stubs' end, the page for the process id being empty.
pub fn build(layout: &Layout, sites: &[Site], state: &State) -> Result<Vec<u8>, InjectError> {
    let library = library()?;
    let mut bytes = library.memory.clone();
    for (at, addend) in &library.relative {
        let value = layout.base.wrapping_add_signed(*addend);
        bytes[*at as usize..*at as usize + 8].copy_from_slice(&value.to_le_bytes());
    }
    let from = (&raw const *state).cast::<u8>();
    // SAFETY: the state is plain numbers, without gaps between them.
    let state = unsafe { std::slice::from_raw_parts(from, size_of::<State>()) };
    bytes[library.state as usize..library.state as usize + state.len()].copy_from_slice(state);
    bytes.resize((layout.stubs - layout.base) as usize, 0);
    bytes.extend_from_slice(&(layout.base + library.entry).to_le_bytes());
    bytes.resize(bytes.len() - 8 + STUBS_OFFSET, 0);
    for (number, site) in sites.iter().enumerate() {
        let code = stub(site, stub_address(layout.stubs, number), layout.stubs);
        bytes.extend_from_slice(&code.ok_or(InjectError::Library {
            what: "a site is out of reach",
        })?);
    }
    bytes.resize((layout.stubs + layout.stubs_bytes - layout.base) as usize, 0xCC);
    Ok(bytes)
}

fn library() -> Result<&'static Library, InjectError> {
    static KNOWN: OnceLock<Option<Library>> = OnceLock::new();
    KNOWN.get_or_init(read).as_ref().ok_or(InjectError::Library {
        what: "its file cannot be read",
    })
}

fn read() -> Option<Library> {
    let file = object::File::parse(LIBRARY).ok()?;
    let end = file
        .segments()
        .map(|segment| segment.address() + segment.size())
        .max()?;
    let mut memory = vec![0; (end.next_multiple_of(PAGE)) as usize];
    let mut data = (0, 0);
    for segment in file.segments() {
        let bytes = segment.data().ok()?;
        let at = segment.address() as usize;
        memory[at..at + bytes.len()].copy_from_slice(bytes);
        if matches!(segment.flags(), SegmentFlags::Elf { p_flags } if p_flags & elf::PF_W != 0) {
            let first = segment.address() & !(PAGE - 1);
            data = (
                first,
                (segment.address() + segment.size()).next_multiple_of(PAGE) - first,
            );
        }
    }
    let symbol = |name| {
        Some(
            file.dynamic_symbols()
                .find(|symbol| symbol.name() == Ok(name))?
                .address(),
        )
    };
    let relative = file.dynamic_relocations()?.map(|(at, relocation)| {
        let is_relative = relocation.flags()
            == RelocationFlags::Elf {
                r_type: elf::R_X86_64_RELATIVE,
            };
        is_relative.then_some((at, relocation.addend()))
    });
    let relative = relative.collect::<Option<Vec<_>>>()?;
    Some(Library {
        memory,
        data,
        entry: symbol(ENTRY_SYMBOL)?,
        state: symbol(SYMBOL)?,
        relative,
    })
}
