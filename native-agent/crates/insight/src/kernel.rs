//! What a loop computes, by the mix of its instructions; the same for every kind of CPU.

/// What miners compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kernel {
    /// The CPU's own SHA instructions.
    ShaInstructions,
    /// Rotate, xor and add on words: SHA-2, Keccak, BLAKE, Salsa.
    WordHash,
    /// The same in vector registers: scrypt, BLAKE, SHA-2 of several nonces at once.
    VectorHash,
    /// AES rounds on a scratchpad with wide multiplication: CryptoNight.
    Scratchpad,
    /// Floating point mixed with integer multiplication and rotates, as no compiler makes it: RandomX.
    RandomProgram,
    /// Words of a large table folded by multiplication and xor: Ethash and its kin.
    TableHash,
}

impl Kernel {
    pub fn name(self) -> &'static str {
        match self {
            Self::ShaInstructions => "sha-instructions",
            Self::WordHash => "word-hash",
            Self::VectorHash => "vector-hash",
            Self::Scratchpad => "aes-scratchpad",
            Self::RandomProgram => "random-program",
            Self::TableHash => "table-hash",
        }
    }
}

/// Instructions of a stretch of code, counted by what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mix {
    pub all: u32,
    pub rotates: u32,
    pub shifts: u32,
    /// Xor, and, or, add on words.
    pub words: u32,
    pub xors: u32,
    /// The same on vectors.
    pub vectors: u32,
    pub sha: u32,
    pub aes: u32,
    pub multiplications: u32,
    /// Multiplications by the FNV prime, which folds tables.
    pub folds: u32,
    pub floating: u32,
    pub branches: u32,
    pub memory: u32,
}

impl Mix {
    /// Shorter bodies say nothing: a random generator is a few rotates and xors too.
    pub const MIN: u32 = 24;

    /// Shares of all instructions, per cent. SHA-256 in plain code has 18–25 % rotates and 45–60 % word operations, Keccak
    /// 15 and 60; compressors, hash tables and string code stay below 4 % rotates or branch more than every 15th instruction.
    pub fn kernel(&self) -> Option<Kernel> {
        if self.all < Self::MIN {
            return None;
        }
        let share = |count: u32| count * 100 / self.all;
        let straight = share(self.branches) <= 5;
        if share(self.sha) >= 5 {
            Some(Kernel::ShaInstructions)
        } else if straight && self.is_word_hash() {
            Some(Kernel::WordHash)
        } else if straight
            && share(self.shifts + self.rotates) >= 8
            && share(self.vectors) >= 38
            && share(self.aes) == 0
        {
            Some(Kernel::VectorHash)
        } else if self.is_scratchpad() {
            Some(Kernel::Scratchpad)
        } else if share(self.floating) >= 12
            && share(self.multiplications) >= 4
            && share(self.rotates + self.words) >= 12
        {
            Some(Kernel::RandomProgram)
        } else if self.is_table_hash() {
            Some(Kernel::TableHash)
        } else {
            None
        }
    }

    fn is_word_hash(&self) -> bool {
        let share = |count: u32| count * 100 / self.all;
        share(self.rotates) >= 9 && share(self.words) >= 38 && share(self.multiplications) <= 5
    }

    fn is_scratchpad(&self) -> bool {
        let share = |count: u32| count * 100 / self.all;
        (2..12).contains(&share(self.aes))
            && self.multiplications > 0
            && share(self.memory) >= 15
            && self.all <= 160
    }

    fn is_table_hash(&self) -> bool {
        let share = |count: u32| count * 100 / self.all;
        self.folds > 0 && share(self.multiplications) >= 8 && share(self.xors) >= 8 && share(self.memory) >= 8
    }
}
